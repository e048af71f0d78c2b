#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "measure/tune.hpp"
#include "mock_experiment.hpp"

using namespace dynexec;

namespace {

// A task of yes/no answers; a path with setting v answers a sample as its script says.
struct Tuning {
  explicit Tuning(std::size_t samples) : bench(samples, {"base"}) {
    bench.options.bootstrap_resamples = 100;
    bench.request.threads = 1;
  }

  // right(setting, sample): whether that setting answers the sample as the reference does; ms: how long it takes.
  void ladder(const std::string& name, const std::vector<double>& values, bool lossy,
              const std::function<bool(double, std::size_t)>& right, const std::function<double(double)>& ms) {
    TuneLadder ladder{.path = name, .key = "threshold", .values = values, .places = {}, .lossy = lossy};
    for (const double value : values) {
      auto path = std::make_unique<mock::ScriptedPath>();
      path->about = {name + std::to_string(value), "mock", "", !lossy};
      path->calls = &bench.calls;
      path->script = [this, value, right, ms](const Sample& sample, const Streams&) {
        bench.clock.pass(ms(value));
        Outcome outcome = mock::text_outcome({1, 2, 3}, right(value, sample.index) ? "right" : "wrong");
        outcome.cost.macs = 100 * ms(value);
        return outcome;
      };
      ladder.places.push_back(bench.experiment.paths.size());
      bench.experiment.paths.push_back(std::move(path));
    }
    ladders.push_back(std::move(ladder));
  }

  std::vector<TunedPath> run() { return tune_paths(bench.experiment, ladders, options, bench.options, bench.request); }

  mock::Bench bench;
  std::vector<TuneLadder> ladders;
  TuneOptions options;
};

const std::vector<double> kValues{1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4};

}  // namespace

TEST_CASE("the fastest setting that passes is chosen, and testing stops at the first failure") {
  Tuning tuning(400);
  // Settings below 0.75 lose every tenth sample; 0.5 would lose nothing, but is behind a failure.
  tuning.ladder(
      "sure", kValues, true,
      [](double value, std::size_t sample) { return value > 0.75 || value == 0.5 || sample % 10 != 0; },
      [](double value) { return 10 * value; });
  const TunedPath tuned = tuning.run().front();
  CHECK(tuned.passed);
  REQUIRE(tuned.rows.size() == 4);
  CHECK(tuned.rows[tuned.chosen].value == 0.8);
  CHECK(tuned.rows[tuned.chosen].chosen);
  CHECK(tuned.rows[tuned.chosen].speedup.value == doctest::Approx(10 / 8.0));
  CHECK(tuned.failed == 3);
  CHECK(tuned.rows[3].passed == false);
  CHECK(tuned.rows[3].lost == 40);
  CHECK(tuned.rows[3].quality_drop == doctest::Approx(0.1));
  CHECK(tuned.rows[3].test == "exact");
  // Paths are back in their places, and what lies behind the failure and its neighbours has not run.
  for (const auto& path : tuning.bench.experiment.paths) CHECK(path != nullptr);
  for (const mock::Call& call : tuning.bench.calls) CHECK(call.path != "sure" + std::to_string(0.6));
}

TEST_CASE("a passed setting that is slower is not chosen") {
  Tuning tuning(400);
  tuning.ladder(
      "odd", kValues, true, [](double, std::size_t) { return true; },
      [](double value) { return value == 0.7 ? 2.0 : 5.0; });
  const TunedPath tuned = tuning.run().front();
  CHECK(!tuned.failed);
  CHECK(tuned.rows.size() == kValues.size());
  CHECK(tuned.rows[tuned.chosen].value == 0.7);
}

TEST_CASE("lossless paths are chosen by speed alone; by MACs when asked") {
  Tuning tuning(20);
  tuning.ladder(
      "draft", {1, 2, 3, 4}, false, [](double value, std::size_t) { return value < 3; },
      [](double value) { return 10 + (value - 3) * (value - 3); });
  const TunedPath tuned = tuning.run().front();
  CHECK(tuned.passed);
  CHECK(tuned.rows.size() == 4);
  CHECK(!tuned.rows[0].passed.has_value());
  CHECK(tuned.rows[tuned.chosen].value == 3);
  CHECK(tuned.samples_needed == 0);

  Tuning counted(400);
  counted.options.by = TuneBy::macs;
  counted.ladder(
      "sure", kValues, true, [](double, std::size_t) { return true; }, [](double value) { return value; });
  CHECK(counted.run().front().rows[6].chosen);
}

TEST_CASE("too few samples: the most careful setting stands, and it is known how many it takes") {
  Tuning tuning(298);
  tuning.ladder(
      "sure", kValues, true, [](double, std::size_t) { return true; }, [](double value) { return value; });
  const TunedPath tuned = tuning.run().front();
  CHECK(!tuned.passed);
  CHECK(tuned.chosen == 0);
  CHECK(tuned.failed == 0);
  CHECK(tuned.samples_needed == 299);
  CHECK(tuned.rows.size() == 1);
}

TEST_CASE("a sample that fails counts as lost") {
  Tuning tuning(300);
  tuning.ladder(
      "sure", {1, 0.5}, true,
      [](double value, std::size_t sample) {
        if (value < 1 && sample % 10 == 0) throw Error(ErrorKind::data, "no", "", "");
        return true;
      },
      [](double value) { return value; });
  const TunedPath tuned = tuning.run().front();
  CHECK(tuned.rows[1].failed_rows == 30);
  CHECK(tuned.rows[1].lost == 30);
  CHECK(tuned.chosen == 0);
}

TEST_CASE("a lossy path needs a metric between 0 and 1") {
  struct Bare : mock::CountingTask {
    std::vector<Score> score(const Sample&, const Outcome&) const override { return {}; }
    std::string quality_metric() const override { return ""; }
  };
  struct Wide : mock::CountingTask {
    std::vector<Score> score(const Sample&, const Outcome&) const override { return {{"perplexity", 7}}; }
  };
  for (const bool bare : {true, false}) {
    Tuning tuning(10);
    tuning.ladder(
        "sure", {1, 0.5}, true, [](double, std::size_t) { return true; }, [](double value) { return value; });
    std::shared_ptr<mock::CountingTask> task;
    if (bare)
      task = std::make_shared<Bare>();
    else
      task = std::make_shared<Wide>();
    task->count = 10;
    tuning.bench.experiment.task = task;
    CHECK_THROWS_AS(tuning.run(), Error);
  }
}

// A population of inputs: input x in [0, 1] is answered rightly by the whole network unless x > 0.9, and by setting v
// unless x lies in (0.5 + v / 2.5, 0.9]; there it is wrong, and of those above 0.9 a share is right by luck. The true
// loss of v is known, so broken promises can be counted.
TEST_CASE("over 500 calibrations the bound is broken in at most 5 + 3 % of them") {
  const double margin = 0.02;
  const std::vector<double> values{1, 0.998, 0.996, 0.994, 0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.92, 0.9, 0.85, 0.8};
  const auto edge = [](double value) { return 0.9 - (1 - value) * 0.4; };
  const auto gain = [](double value) { return 0.1 * (1 - value); };  // of those above 0.9
  const auto true_drop = [&](double value) { return 0.9 - edge(value) - 0.1 * gain(value); };
  const std::size_t samples = 300;
  for (const QualityTest test : {QualityTest::exact, QualityTest::hoeffding_bentkus, QualityTest::betting}) {
    int broken = 0, useful = 0;
    for (std::uint32_t calibration = 0; calibration < 500; ++calibration) {
      RandomStream stream(11, calibration, 0, 0);
      std::vector<double> place, luck;
      for (std::size_t i = 0; i < samples; ++i) place.push_back(stream.uniform()), luck.push_back(stream.uniform());
      std::vector<double> baseline;
      for (const double x : place) baseline.push_back(x <= 0.9);
      double chosen = 1;
      for (const double value : values) {
        std::vector<double> path;
        for (std::size_t i = 0; i < samples; ++i)
          path.push_back(place[i] <= edge(value) || (place[i] > 0.9 && luck[i] < gain(value)));
        if (quality_drop_p(baseline, path, margin, test) > 0.05) break;
        chosen = value;
      }
      broken += true_drop(chosen) > margin;
      useful += chosen < 1;
    }
    CAPTURE(static_cast<int>(test));
    CAPTURE(broken);
    CAPTURE(useful);
    CHECK(broken <= 500 * 0.08);
    if (test == QualityTest::exact) {
      CHECK(useful > 450);
      CHECK(broken > 0);  // the population is hard enough for the bound to matter
    }
  }
}
