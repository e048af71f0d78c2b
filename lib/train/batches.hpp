// The endless, deterministic stream of training batches, and the fixed batches of the evaluation.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "data/tokenizer.hpp"
#include "train/options.hpp"

namespace dynexec {

struct TextBatch {
  at::Tensor ids;           // [batch, time] int64, right-padded
  at::Tensor rows;          // [n] int64: flattened positions whose next token counts
  at::Tensor targets;       // [n] int64
  at::Tensor weights;       // [n] fp32
  std::int64_t tokens = 0;  // without padding

  double weight() const;  // sum of weights
};

// <bos> prompt solution <eos>, and where the solution starts.
struct EncodedProblem {
  std::vector<std::int32_t> ids;
  std::size_t solution_start = 0;
};
EncodedProblem encode_problem(const Tokenizer& tokenizer, const reasoning::Problem& problem);

// Sorts by length and cuts into batches of at most `batch_tokens` padded tokens.
std::vector<TextBatch> cut_batches(std::vector<EncodedProblem> problems, std::int64_t batch_tokens,
                                   double prompt_weight);

// Where a stream stands; enough to continue it exactly.
struct StreamPosition {
  std::int64_t pool = 0;       // pools drawn before the present one
  std::int64_t pool_step = 0;  // step at which the present pool was drawn (decides its difficulties)
  std::int64_t batch = 0;      // batches of the present pool already given out
};

class BatchStream {
 public:
  // Problems longer than max_positions are an Error(config).
  BatchStream(const TextOptions& options, std::int64_t steps, std::int64_t max_positions,
              std::shared_ptr<const Tokenizer> tokenizer, StreamPosition position);
  TextBatch next(std::int64_t step);
  const StreamPosition& position() const { return position_; }

 private:
  void draw_pool();
  TextOptions options_;
  std::int64_t steps_, max_positions_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  StreamPosition position_;
  std::vector<TextBatch> batches_;
};

// `samples` problems of the calibration split in batches.
std::vector<TextBatch> evaluation_batches(const TextOptions& options, std::int64_t samples, const Tokenizer& tokenizer);

}  // namespace dynexec
