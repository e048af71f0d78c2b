#include "measure/row_making.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "measure/rehearsal.hpp"
#include "mock_experiment.hpp"

using namespace dynexec;
using namespace dynexec::mock;

namespace {

// Several scores and a vector of two features, of which the second tells apart what outcomes say.
struct PictureTask : CountingTask {
  std::vector<Score> score(const Sample&, const Outcome&) const override {
    return {{"ssim", 0.5}, {"attribute_accuracy", 1}, {"unknown", 7}, {"psnr_db", 30}};
  }
  std::string quality_metric() const override { return "ssim"; }
  std::vector<float> features(const Sample& sample, const Outcome& outcome) const override {
    if (sample.index == 1) throw Error(ErrorKind::data, "no features", "", "");
    return {static_cast<float>(sample.index), static_cast<float>(outcome.sampling.steps)};
  }
};

Bench picture_bench() {
  Bench bench(3, {"base", "fast"});
  auto task = std::make_shared<PictureTask>();
  task->count = 3;
  bench.experiment.task = task;
  bench.options.repetitions = 2;
  return bench;
}

// After the bench has its place: scripts hold its address.
void script(Bench& bench) {
  for (const char* name : {"base", "fast"}) {
    bench.path(name).remembers = true;
    bench.path(name).script = [&bench](const Sample&, const Streams&) {
      bench.clock.pass(1);
      Outcome outcome = text_outcome({1});
      outcome.sampling = {20, 40, 8};
      return outcome;
    };
  }
}

void check_figures(const SampleRow& row) {
  CHECK(row.quality_metric == "ssim");
  CHECK(row.quality == 0.5);
  CHECK(row.psnr_db == 30);
  CHECK(row.attribute_accuracy == 1);
  CHECK(std::isnan(row.feature_distance));
  CHECK(row.sampling.steps == 20);
  CHECK(row.sampling.evaluations == 40);
  CHECK(row.sampling.reused == 8);
}

}  // namespace

TEST_CASE("scores by name, sampling facts, and features of the first repetition") {
  Bench bench = picture_bench();
  script(bench);
  bench.run();
  for (const std::int64_t repetition : {0, 1}) check_figures(bench.row("fast", 2, repetition));
  CHECK(bench.row("fast", 2, 0).features == std::vector<float>{2, 20});
  CHECK(bench.row("fast", 2, 1).features.empty());
  // Features that cannot be had are an error of their sample.
  CHECK(bench.row("base", 1, 0).error == "no features");
  CHECK(std::isnan(bench.row("base", 1, 0).quality));
  CHECK(bench.row("base", 1, 1).error.empty());
}

TEST_CASE("rehearsed rows hold what the first repetition would, without times") {
  Bench bench = picture_bench();
  script(bench);
  const std::vector<std::size_t> places{1};
  const auto rows = rehearse_paths(bench.experiment, places, bench.options, {"mock", 1, {}});
  REQUIRE(rows);
  REQUIRE(rows->size() == 3);
  check_figures(rows->at(2));
  CHECK(rows->at(2).features == std::vector<float>{2, 20});
  CHECK(std::isnan(rows->at(2).latency_ms));
  CHECK(rows->at(1).error == "no features");
  CHECK(rows->at(1).sample_id == "s1");
  CHECK(rows->at(1).cost.tokens == 0);  // no figure of a sample that failed
}
