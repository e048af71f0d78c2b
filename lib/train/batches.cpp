#include "train/batches.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "train/bpe_trainer.hpp"

namespace dynexec {
namespace {

TextBatch make_batch(const EncodedProblem* problems, std::size_t count, double prompt_weight) {
  std::size_t time = 0;
  for (std::size_t i = 0; i < count; ++i) time = std::max(time, problems[i].ids.size() - 1);
  TextBatch batch;
  batch.ids = at::full({static_cast<std::int64_t>(count), static_cast<std::int64_t>(time)}, kPadToken, at::kLong);
  auto* ids = batch.ids.mutable_data_ptr<std::int64_t>();
  std::vector<std::int64_t> rows, targets;
  std::vector<float> weights;
  for (std::size_t i = 0; i < count; ++i) {
    const EncodedProblem& problem = problems[i];
    batch.tokens += static_cast<std::int64_t>(problem.ids.size()) - 1;
    for (std::size_t t = 0; t + 1 < problem.ids.size(); ++t) {
      ids[i * time + t] = problem.ids[t];
      const double weight = t + 1 >= problem.solution_start ? 1.0 : prompt_weight;
      if (weight == 0) continue;
      rows.push_back(static_cast<std::int64_t>(i * time + t));
      targets.push_back(problem.ids[t + 1]);
      weights.push_back(static_cast<float>(weight));
    }
  }
  const auto size = static_cast<std::int64_t>(rows.size());
  batch.rows = at::from_blob(rows.data(), {size}, at::kLong).clone();
  batch.targets = at::from_blob(targets.data(), {size}, at::kLong).clone();
  batch.weights = at::from_blob(weights.data(), {size}, at::kFloat).clone();
  return batch;
}

}  // namespace

double TextBatch::weight() const {
  return weights.sum().item<double>();
}

EncodedProblem encode_problem(const Tokenizer& tokenizer, const reasoning::Problem& problem) {
  EncodedProblem encoded;
  encoded.ids = tokenizer.encode(problem.prompt(), true);
  encoded.solution_start = encoded.ids.size();
  const auto solution = tokenizer.encode(problem.solution(), false);
  encoded.ids.insert(encoded.ids.end(), solution.begin(), solution.end());
  encoded.ids.push_back(kEosToken);
  return encoded;
}

std::vector<TextBatch> cut_batches(std::vector<EncodedProblem> problems, std::int64_t batch_tokens,
                                   double prompt_weight) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.ids.size() < b.ids.size(); });
  std::vector<TextBatch> batches;
  for (std::size_t begin = 0; begin < problems.size();) {
    std::size_t end = begin + 1;
    // Sorted, so the last problem is the longest.
    while (end < problems.size() &&
           static_cast<std::int64_t>((end + 1 - begin) * (problems[end].ids.size() - 1)) <= batch_tokens) {
      ++end;
    }
    batches.push_back(make_batch(&problems[begin], end - begin, prompt_weight));
    begin = end;
  }
  return batches;
}

BatchStream::BatchStream(const TextOptions& options, std::int64_t steps, std::int64_t max_positions,
                         std::shared_ptr<const Tokenizer> tokenizer, StreamPosition position)
    : options_(options),
      steps_(steps),
      max_positions_(max_positions),
      tokenizer_(std::move(tokenizer)),
      position_(position) {
  draw_pool();
}

void BatchStream::draw_pool() {
  ReasoningOptions problems = options_.problems;
  problems.split = Split::train;
  const int largest = *std::max_element(problems.difficulties.begin(), problems.difficulties.end());
  const int smallest = *std::min_element(problems.difficulties.begin(), problems.difficulties.end());
  const double progress = static_cast<double>(position_.pool_step) / static_cast<double>(steps_);
  const double share = options_.curriculum > 0 ? std::min(1.0, progress / options_.curriculum) : 1.0;
  const int bound = smallest + static_cast<int>(std::ceil(share * (largest - smallest)));
  std::erase_if(problems.difficulties, [&](int difficulty) { return difficulty > bound; });
  std::vector<EncodedProblem> pool;
  for (std::int64_t i = 0; i < options_.pool; ++i) {
    const auto index = static_cast<std::uint64_t>(position_.pool * options_.pool + i);
    pool.push_back(encode_problem(*tokenizer_, draw_problem(problems, index, Purpose::training)));
    if (static_cast<std::int64_t>(pool.back().ids.size()) > max_positions_) {
      throw Error(ErrorKind::config, "a problem of " + std::to_string(pool.back().ids.size()) + " tokens does not fit",
                  "model.max_positions", "raise max_positions or the vocabulary size");
    }
  }
  batches_ = cut_batches(std::move(pool), options_.batch_tokens, options_.prompt_weight);
  RandomStream random(problems.seed, static_cast<std::uint64_t>(position_.pool), 1,
                      static_cast<std::uint32_t>(Purpose::training));
  random.shuffle(batches_);
}

TextBatch BatchStream::next(std::int64_t step) {
  if (position_.batch == static_cast<std::int64_t>(batches_.size())) {
    position_ = {position_.pool + 1, step, 0};
    draw_pool();
  }
  return batches_[static_cast<std::size_t>(position_.batch++)];
}

std::vector<TextBatch> evaluation_batches(const TextOptions& options, std::int64_t samples,
                                          const Tokenizer& tokenizer) {
  ReasoningOptions problems = options.problems;
  problems.split = Split::calibration;
  std::vector<EncodedProblem> encoded;
  for (std::int64_t i = 0; i < samples; ++i) {
    encoded.push_back(encode_problem(tokenizer, draw_problem(problems, static_cast<std::uint64_t>(i), Purpose::task)));
  }
  return cut_batches(std::move(encoded), options.batch_tokens, 0);
}

}  // namespace dynexec
