#include "train/batches.hpp"

#include <ATen/Functions.h>
#include <doctest/doctest.h>

#include <set>

#include "base/error.hpp"
#include "train/bpe_trainer.hpp"
#include "train/options.hpp"

using namespace dynexec;

namespace {

std::shared_ptr<const Tokenizer> tokenizer() {
  static const auto made = [] {
    BpeTrainer trainer;
    ReasoningOptions options;
    for (std::uint64_t i = 0; i < 200; ++i) trainer.add(draw_problem(options, i, Purpose::training).prompt());
    return Tokenizer::parse(trainer.train(700), "tokenizer.json");
  }();
  return made;
}

TextOptions small_texts() {
  TextOptions options;
  options.pool = 64;
  options.batch_tokens = 900;
  options.curriculum = 0;
  return options;
}

}  // namespace

TEST_CASE("batches hold every problem once, padded little, with the loss on solutions") {
  std::vector<EncodedProblem> problems;
  std::int64_t tokens = 0, solution_tokens = 0;
  for (std::int32_t i = 0; i < 50; ++i) {
    EncodedProblem problem;
    for (std::int32_t t = 0; t < 10 + (i * 37) % 40; ++t) problem.ids.push_back(10 + (i + t) % 90);
    problem.solution_start = 5;
    tokens += static_cast<std::int64_t>(problem.ids.size()) - 1;
    solution_tokens += static_cast<std::int64_t>(problem.ids.size()) - 5;
    problems.push_back(problem);
  }
  std::int64_t seen = 0, rows = 0;
  for (const TextBatch& batch : cut_batches(problems, 300, 0)) {
    CHECK(batch.ids.numel() <= 300);
    seen += batch.tokens;
    rows += batch.rows.numel();
    const auto ids = batch.ids.reshape({-1});
    for (std::int64_t r = 0; r < batch.rows.numel(); ++r) {
      const auto at = batch.rows[r].item<std::int64_t>();
      const auto target = batch.targets[r].item<std::int64_t>();
      CHECK(ids[at].item<std::int64_t>() != kPadToken);
      // The ids count upwards modulo 90: the target is the successor.
      CHECK(target == 10 + (ids[at].item<std::int64_t>() - 10 + 1) % 90);
    }
  }
  CHECK(seen == tokens);
  CHECK(rows == solution_tokens);
  std::int64_t weighted = 0;
  for (const TextBatch& batch : cut_batches(problems, 300, 0.5)) weighted += batch.rows.numel();
  CHECK(weighted == tokens);
}

TEST_CASE("the stream is deterministic and continues from any position") {
  BatchStream stream(small_texts(), 100, 512, tokenizer(), {});
  std::vector<at::Tensor> batches;
  std::vector<StreamPosition> positions;
  for (std::int64_t step = 0; step < 40; ++step) {
    positions.push_back(stream.position());
    batches.push_back(stream.next(step).ids);
  }
  CHECK(positions.back().pool > 0);
  for (const std::int64_t from : {0, 1, 7, 23, 39}) {
    BatchStream again(small_texts(), 100, 512, tokenizer(), positions[static_cast<std::size_t>(from)]);
    for (std::int64_t step = from; step < 40; ++step) {
      CHECK(at::equal(again.next(step).ids, batches[static_cast<std::size_t>(step)]));
    }
  }
  TextOptions other = small_texts();
  other.problems.seed = 2;
  CHECK_FALSE(at::equal(BatchStream(other, 100, 512, tokenizer(), {}).next(0).ids, batches[0]));
}

TEST_CASE("the curriculum starts with short problems") {
  TextOptions options = small_texts();
  options.curriculum = 0.5;
  const auto longest = [&](std::int64_t step) {
    BatchStream stream(options, 100, 512, tokenizer(), {step, step, 0});
    std::int64_t most = 0;
    for (int i = 0; i < 4; ++i) most = std::max(most, stream.next(step).ids.size(1));
    return most;
  };
  CHECK(longest(0) < longest(60));
}

TEST_CASE("problems that do not fit are refused") {
  CHECK_THROWS_AS(BatchStream(small_texts(), 100, 20, tokenizer(), {}), Error);
}

TEST_CASE("learning rate: linear warm-up, cosine down to its share") {
  OptimiserOptions options;
  options.steps = 1000;
  options.warmup = 100;
  options.learning_rate = 2;
  options.final_share = 0.1;
  CHECK(learning_rate_at(options, 0) == doctest::Approx(0.02));
  CHECK(learning_rate_at(options, 99) == doctest::Approx(2));
  CHECK(learning_rate_at(options, 550) == doctest::Approx(1.1));
  CHECK(learning_rate_at(options, 1000) == doctest::Approx(0.2));
  for (std::int64_t step = 101; step < 1000; ++step) {
    CHECK(learning_rate_at(options, step) < learning_rate_at(options, step - 1));
  }
}
