// Batches of labelled texts for training and evaluating encoders.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/text_classes.hpp"
#include "data/tokenizer.hpp"
#include "train/batches.hpp"

namespace dynexec {

struct EncodedText {
  std::vector<std::int32_t> ids;
  int label = 0;
  std::string group;
};

struct ClassBatch {
  at::Tensor ids;     // [batch, time] int64, right-padded
  at::Tensor mask;    // [batch, time] bool, false on padding
  at::Tensor labels;  // [batch] int64
  std::vector<std::string> groups;
  std::int64_t tokens = 0;  // without padding
};

// Sorts by length and cuts into batches of at most `batch_tokens` padded tokens.
std::vector<ClassBatch> cut_class_batches(std::vector<EncodedText> texts, std::int64_t batch_tokens);

// The endless, deterministic stream of a run's batches.
class ClassBatchStream {
 public:
  // Text number `index`; `progress` of the run in [0, 1].
  using Source = std::function<EncodedText(std::uint64_t index, double progress)>;
  struct Settings {
    std::int64_t pool = 0, batch_tokens = 0, steps = 0;
    std::uint64_t seed = 0;
  };
  ClassBatchStream(Settings settings, Source source, StreamPosition position);
  const ClassBatch& next(std::int64_t step);
  const StreamPosition& position() const { return position_; }

 private:
  void draw_pool();
  Settings settings_;
  Source source_;
  StreamPosition position_;
  std::vector<ClassBatch> batches_;
};

}  // namespace dynexec
