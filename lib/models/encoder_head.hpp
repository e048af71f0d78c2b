// Classifiers on an encoder's states: its own at the end, and those of the exits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/linear.hpp"
#include "models/encoder_config.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// A linear layer, with or without a dense layer and its activation before it.
class EncoderHead {
 public:
  EncoderHead(std::unique_ptr<Linear> dense, std::unique_ptr<Linear> linear);

  std::int64_t classes() const { return linear_->out_features(); }
  double macs_per_row() const;
  double weight_bytes() const;
  // pooled [rows, hidden] -> logits [rows, classes]; scratch [rows, hidden].
  void classify(const float* pooled, std::int64_t rows, float* scratch, float* logits) const;

 private:
  std::unique_ptr<Linear> dense_, linear_;
};

struct EncoderExit {
  std::int64_t layer = 0;  // from 0; the head is on the states after it
  EncoderHead head;
};

// The exits that a model folder holds (see EncoderExitConfig), tensors exits.<layer>.pooler and exits.<layer>.linear.
// Empty when there are none. Throws Error(model).
std::vector<EncoderExit> load_encoder_exits(const ModelFolder& folder, const EncoderConfig& config);

}  // namespace dynexec
