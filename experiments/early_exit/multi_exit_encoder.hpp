// A text encoder that may be left after some of its layers.
#pragma once

#include <memory>
#include <vector>

#include "data/tokenizer.hpp"
#include "experiments/early_exit/multi_exit.hpp"
#include "models/encoder.hpp"

namespace dynexec::early_exit {

// What the encoders of a batch's rows share; all but the encoder also with those in other weight formats.
struct EncoderParts {
  std::shared_ptr<const Encoder> encoder;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const std::vector<EncoderExit>> exits;
  bool mean = false;            // exits see the mean of the states, else the first token's
  std::int64_t max_tokens = 0;  // longer texts lose tokens before the last one, which ends a text
};

// Inputs are LabelledText; turning the text into tokens is part of start().
class MultiExitEncoder : public MultiExit {
 public:
  explicit MultiExitEncoder(std::shared_ptr<const EncoderParts> parts);

  std::size_t exits() const override { return parts_->exits->size(); }
  std::size_t classes() const override { return static_cast<std::size_t>(parts_->encoder->config().classes); }
  double memory_bytes() const override;
  double row_bytes() const override { return session_.memory_bytes(); }
  void start(const std::any& input) override;
  void run_layers_to(std::size_t exit) override;
  std::span<const float> logits(std::size_t exit) override;
  const Cost& cost() const override { return cost_; }
  // The rows of a batch run one after the other: the tokens of one text fill a product by themselves.
  std::unique_ptr<MultiExit> another() const override { return std::make_unique<MultiExitEncoder>(parts_); }

 private:
  void count();

  std::shared_ptr<const EncoderParts> parts_;
  EncoderSession session_;
  Cost cost_;
};

}  // namespace dynexec::early_exit
