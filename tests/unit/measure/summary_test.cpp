#include "measure/summary.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace dynexec;
using doctest::Approx;

namespace {

struct Run {
  Run(int samples, int repetitions) {
    facts.paths = {{"base", "plain", "greedy", false}, {"fast", "mock", "x=1", true}};
    facts.tensor_bytes = {26e6, kMissing};
    facts.quality_metric = "exact_match";
    facts.cpus = 2;
    facts.build = {"1.0", "abc", "GCC", "Release", "", true};
    for (int sample = 0; sample < samples; ++sample)
      for (int repetition = 0; repetition < repetitions; ++repetition)
        for (const char* path : {"base", "fast"}) rows.push_back(row(path, sample, repetition));
  }

  static SampleRow row(const std::string& path, int sample, int repetition) {
    const bool fast = path == "fast";
    SampleRow row;
    row.config = "c";
    row.path = path;
    row.sample = sample;
    row.repetition = repetition;
    row.threads = 1;
    row.latency_ms = (10 + sample % 5) * (fast ? 0.5 : 1.0) * (1 + 0.01 * repetition);
    row.cpu_ms = row.latency_ms;
    row.prefill_ms = 2 + sample % 2;
    row.quality = sample % 4 ? 1 : 0;
    row.cost.tokens = 11;
    row.cost.macs = 1e6;
    row.cost.weight_bytes = 2e6;
    row.cost.target_passes = fast ? 4 : 10;
    row.cost.drafted_tokens = fast ? 8 : 0;
    row.cost.accepted_tokens = fast ? 6 : 0;
    row.cost.accept_trials = fast ? 7 : 0;
    row.predicted_ms = row.latency_ms;
    row.oracle_ms = row.latency_ms * 0.8;
    row.bandwidth_share = 0.5;
    row.peak_rss_mb = 100 + sample;
    if (fast) row.equal_to_baseline = true;
    return row;
  }

  std::vector<SummaryRow> summarise() const { return dynexec::summarise(rows, options, facts); }
  // Reasons of the fast path that contain `text`.
  bool says(const std::string& text, std::size_t path = 1) const {
    const SummaryRow row = summarise()[path];
    CHECK(row.valid == row.invalid_reasons.empty());
    return std::any_of(row.invalid_reasons.begin(), row.invalid_reasons.end(), [&](const std::string& reason) {
      return reason.find(text) != std::string::npos && reason.find("; ") != std::string::npos;
    });
  }

  std::vector<SampleRow> rows;
  BenchOptions options;
  SummaryFacts facts;
};

}  // namespace

TEST_CASE("figures of a clean run") {
  const Run run(20, 3);
  const auto summary = run.summarise();
  REQUIRE(summary.size() == 2);
  const SummaryRow &base = summary[0], &fast = summary[1];
  CHECK(base.valid);
  CHECK(fast.valid);
  CHECK(fast.setting == "x=1");
  CHECK(fast.samples == 20);
  CHECK(fast.repetitions == 3);
  CHECK(fast.rows == 60);
  CHECK(base.speedup.value == 1);
  CHECK(base.speedup.low == 1);
  CHECK(fast.speedup.value == Approx(2));
  CHECK(fast.speedup.low == Approx(2));
  CHECK(fast.speedup_total.value == Approx(2));
  CHECK(base.latency_ms_mean.value == Approx(12 * 1.01));
  CHECK(base.latency_ms_mean.low < base.latency_ms_mean.value);
  CHECK(base.latency_ms_median.value == Approx(12 * 1.01));
  CHECK(std::isnan(base.latency_ms_p90.value));  // 20 samples do not support it
  CHECK(base.throughput_per_s == Approx(1000 / (12 * 1.01)));
  CHECK(base.tokens_per_s == Approx(11 * 1000 / (12 * 1.01)));
  CHECK(base.quality.value == Approx(0.75));
  CHECK(base.quality.low == Approx(0.5313).epsilon(1e-3));  // Wilson, 15 of 20
  CHECK(fast.quality_delta.value == 0);
  CHECK(fast.quality_delta.high == 0);  // outputs equal the baseline's
  CHECK(fast.quality_verdict == "non-inferior");
  CHECK(base.quality_verdict == "");
  CHECK(base.prefill_ms_mean == Approx(2.5));
  CHECK(std::isnan(base.ttft_ms_mean));
  CHECK(fast.macs_mean == 1e6);
  CHECK(fast.weight_mb_read_mean == Approx(2));
  CHECK(base.tokens_per_target_pass == Approx(1));
  CHECK(fast.tokens_per_target_pass == Approx(2.5));
  CHECK(fast.acceptance_rate == Approx(6.0 / 7));
  CHECK(std::isnan(base.acceptance_rate));
  CHECK(fast.draft_length_mean == Approx(2));
  CHECK(std::isnan(base.draft_length_mean));
  CHECK(fast.predicted_speedup == Approx(2));
  CHECK(fast.oracle_speedup == Approx(2.5));
  CHECK(fast.bandwidth_share == Approx(0.5));
  CHECK(fast.equal_share == 1);
  CHECK(std::isnan(base.equal_share));
  CHECK(fast.peak_rss_mb == 119);
  CHECK(base.tensor_mb == Approx(26));
  CHECK(std::isnan(fast.tensor_mb));
  CHECK(std::isnan(fast.energy_j));
}

TEST_CASE("the row order does not matter") {
  Run run(15, 3);
  const auto forward = run.summarise();
  std::reverse(run.rows.begin(), run.rows.end());
  const auto backward = run.summarise();
  CHECK(forward[1].speedup.low == Approx(backward[1].speedup.low).epsilon(1e-12));
  CHECK(forward[1].latency_ms_mean.high == Approx(backward[1].latency_ms_mean.high).epsilon(1e-12));
}

TEST_CASE("speedup weighs samples alike, speedup_total weighs time") {
  Run run(10, 3);
  for (SampleRow& row : run.rows) row.latency_ms = row.sample == 0 ? 1000 : (row.path == "base" ? 20 : 10);
  const SummaryRow fast = run.summarise()[1];
  CHECK(fast.speedup.value == Approx(std::pow(2, 0.9)));
  CHECK(fast.speedup_total.value == Approx(1180.0 / 1090));
}

TEST_CASE("more repetitions do not narrow the interval over the same samples") {
  const auto width = [](int repetitions) {
    Run run(20, repetitions);
    for (SampleRow& row : run.rows)
      if (row.path == "fast") row.latency_ms *= 1 + 0.02 * static_cast<double>(row.sample);
    const Interval speedup = run.summarise()[1].speedup;
    return speedup.high - speedup.low;
  };
  CHECK(width(3) > 0.05);
  CHECK(width(30) == Approx(width(3)).epsilon(0.01));
}

TEST_CASE("quality: equal scores of unequal outputs keep an interval with a width") {
  Run run(20, 3);
  for (SampleRow& row : run.rows)
    if (row.path == "fast" && row.sample == 1) row.equal_to_baseline = false;
  const SummaryRow fast = run.summarise()[1];
  CHECK(fast.quality_delta.value == 0);
  CHECK(fast.quality_delta.low < -0.05);
  CHECK(fast.quality_verdict == "undecided");
}

TEST_CASE("quality: a loss is inferior, and the direction of the metric counts") {
  Run run(60, 3);
  for (SampleRow& row : run.rows) {
    row.quality = 5.0 + 0.01 * static_cast<double>(row.sample) + (row.path == "fast" ? 0.5 : 0);
    row.equal_to_baseline.reset();
  }
  CHECK(run.summarise()[1].quality_delta.value == Approx(0.5));
  CHECK(run.summarise()[1].quality_verdict == "non-inferior");
  run.facts.higher_is_better = false;
  CHECK(run.summarise()[1].quality_verdict == "inferior");
}

TEST_CASE("each reason for invalidity is found and carries a remedy") {
  CHECK(Run(9, 3).says("too few samples: 9 of at least 10"));
  CHECK(Run(20, 2).says("too few repetitions: 2"));
  CHECK_FALSE(Run(100, 1).says("repetitions"));

  Run disturbed(20, 3);
  for (std::size_t i = 1; i < 14; i += 2) disturbed.rows[i].disturbed = true;  // 7 of 60
  CHECK(disturbed.says("7 of 60 rows were disturbed"));
  CHECK_FALSE(disturbed.says("disturbed", 0));
  CHECK(disturbed.summarise()[1].disturbed_rows == 7);

  Run debug(20, 3);
  debug.facts.build.optimised = false;
  CHECK(debug.says("without optimisation"));
  debug.facts.build.sanitizer = "address";
  CHECK(debug.says("sanitizer address"));

  Run longer(20, 3);
  for (SampleRow& row : longer.rows)
    if (row.path == "fast") row.cost.tokens = 9;
  CHECK(longer.says("0.82 times as long"));

  Run infinite(20, 3);
  infinite.rows[3].quality = std::numeric_limits<double>::infinity();
  CHECK(infinite.says("not finite"));
  infinite.rows[3].quality = kMissing;  // "does not apply" is no defect
  CHECK_FALSE(infinite.says("not finite"));
  infinite.rows[3].cost.macs = kMissing;
  CHECK(infinite.says("not finite"));

  Run threads(20, 3);
  for (SampleRow& row : threads.rows) row.threads = 3;
  CHECK(threads.says("3 threads share 2 CPUs"));

  Run stopped(20, 3);
  stopped.facts.stopped_by_max_time = true;
  CHECK(stopped.says("max_time_s"));
}

TEST_CASE("failed rows are counted, left out of the pairs, and named") {
  Run run(20, 3);
  for (SampleRow& row : run.rows) {
    if (row.sample != 4 || row.path != "fast") continue;
    row = SampleRow();
    row.path = "fast";
    row.sample = 4;
    row.error = "boom";
  }
  const SummaryRow fast = run.summarise()[1];
  CHECK(fast.failed_rows == 3);
  CHECK(fast.rows == 60);
  CHECK(fast.samples == 19);
  CHECK(fast.speedup.value == Approx(2));
  CHECK(run.says("3 of 60 rows failed, the first with: boom"));
  CHECK_FALSE(run.says("failed", 0));
}

TEST_CASE("a path without rows, or with failures only, gives an invalid row without figures") {
  Run run(20, 3);
  std::erase_if(run.rows, [](const SampleRow& row) { return row.path == "fast"; });
  CHECK(run.says("no rows were measured"));
  CHECK(std::isnan(run.summarise()[1].speedup.value));
  SampleRow failed;
  failed.path = "fast";
  failed.error = "boom";
  run.rows.push_back(failed);
  CHECK(run.says("1 of 1 rows failed"));
  CHECK(std::isnan(run.summarise()[1].latency_ms_mean.value));
  run.rows.clear();
  CHECK(run.says("no rows were measured", 0));
}

TEST_CASE("one sample gives a value without an interval") {
  const auto summary = Run(1, 5).summarise();
  CHECK(summary[1].speedup.value == Approx(2));
  CHECK(std::isnan(summary[1].speedup.low));
  CHECK_FALSE(summary[1].valid);
}

TEST_CASE("modelled energy: the saving is of the totals, the rest by sample") {
  Run run(40, 2);
  CHECK(std::isnan(run.summarise()[1].modelled_energy_j));
  CHECK(std::isnan(run.summarise()[1].modelled_energy_saving.value));
  CHECK(run.summarise()[1].energy_profile.empty());
  for (SampleRow& row : run.rows) {
    const bool fast = row.path == "fast";
    row.energy_profile = "toy";
    // The baseline takes 2 J or 4 J, the other path 1 J always: 1 - 40 / 120.
    row.modelled_energy_j = fast ? 1 : row.sample % 2 ? 4 : 2;
    row.modelled_latency_ms = fast && row.sample % 4 == 0 ? 11 : 10;  // late on every fourth sample
    if (fast) row.adc_share = row.sample % 2 ? 0.25 : 0.75;
  }
  const auto summary = run.summarise();
  CHECK(summary[0].modelled_energy_j == Approx(3));
  CHECK(summary[1].modelled_energy_j == Approx(1));
  CHECK(summary[1].modelled_latency_ms == Approx(10.25));
  CHECK(summary[1].modelled_energy_saving.value == Approx(1 - 40.0 / 120));
  CHECK(summary[1].modelled_energy_saving.low < summary[1].modelled_energy_saving.value);
  CHECK(summary[1].modelled_energy_saving.high > summary[1].modelled_energy_saving.value);
  CHECK(summary[1].modelled_late_share == Approx(0.25));
  CHECK(summary[1].adc_share == Approx(0.5));
  CHECK(std::isnan(summary[0].adc_share));
  CHECK(std::isnan(summary[0].modelled_energy_saving.value));
  CHECK(std::isnan(summary[0].modelled_late_share));
  CHECK(summary[1].energy_profile == "toy");
  CHECK(std::isnan(summary[1].energy_j));  // measured energy stays what it is
}
