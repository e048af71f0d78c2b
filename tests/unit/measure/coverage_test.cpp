// Does the 95 % interval of the speed-up cover the true speed-up in 95 % of runs? Rows are simulated with a
// known ratio; everything from the rows on is the code that real runs use.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "measure/summary.hpp"

using namespace dynexec;

namespace {

constexpr double kTrueSpeedup = 1.7;
constexpr int kRuns = 1000, kSamples = 80, kRepetitions = 3;

SampleRow row_of(const char* path, int sample, int repetition, double latency_ms) {
  SampleRow row;
  row.path = path;
  row.sample = sample;
  row.repetition = repetition;
  row.latency_ms = latency_ms;
  return row;
}

// Sample difficulty over a range of e^2, a gain that differs from sample to sample, and log-normal noise per
// row.
std::vector<SampleRow> simulate(int run) {
  std::vector<SampleRow> rows;
  RandomStream stream(20, static_cast<std::uint64_t>(run), 0, 1000);
  for (int sample = 0; sample < kSamples; ++sample) {
    const double difficulty = 50 * std::exp(0.5 * stream.normal());
    const double gain = kTrueSpeedup * std::exp(0.2 * stream.normal());
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
      const double noise_a = std::exp(0.05 * stream.normal()), noise_b = std::exp(0.05 * stream.normal());
      rows.push_back(row_of("baseline", sample, repetition, difficulty * noise_a));
      rows.push_back(row_of("path", sample, repetition, difficulty / gain * noise_b));
    }
  }
  return rows;
}

int covered_runs(IntervalMethod method, double& mean_width) {
  SummaryFacts facts;
  facts.paths = {{"baseline", "plain", "", false}, {"path", "mock", "", false}};
  int covered = 0;
  for (int run = 0; run < kRuns; ++run) {
    BenchOptions options;
    options.seed = static_cast<std::uint64_t>(run);
    options.interval = method;
    const Interval speedup = summarise(simulate(run), options, facts)[1].speedup;
    covered += speedup.low <= kTrueSpeedup && kTrueSpeedup <= speedup.high;
    mean_width += (speedup.high - speedup.low) / kRuns;
  }
  return covered;
}

}  // namespace

TEST_CASE("over 1,000 simulated runs the interval of the speed-up covers the truth in 93 to 97 %") {
  for (const IntervalMethod method : {IntervalMethod::bca, IntervalMethod::percentile}) {
    double width = 0;
    const int covered = covered_runs(method, width);
    MESSAGE(std::string(method == IntervalMethod::bca ? "bca: " : "percentile: ")
            << covered << " of 1000, mean width " << width);
    CHECK(covered >= 930);
    CHECK(covered <= 970);
    // 2 x 1.96 x 1.7 x sqrt(0.2^2 + noise) / sqrt(80) = 0.15: the interval also says something.
    CHECK(width < 0.18);
  }
}
