// Rows with every kind of value, for the report's tests.
#pragma once

#include <string>

#include "base/random.hpp"
#include "measure/rows.hpp"

namespace dynexec::fixture {

inline SampleRow sample_row(std::int64_t sample = 0, std::int64_t repetition = 0, const std::string& path = "draft") {
  SampleRow row;
  row.config = "quickstart";
  row.path = path;
  row.method = "speculative";
  row.sample_id = "test-" + std::to_string(sample);
  row.group = "level 2, \"hard\"";
  row.sample = sample;
  row.repetition = repetition;
  row.order = 1;
  row.seed = 18446744073709551615u;
  row.threads = 2;
  row.latency_ms = 0.1;
  row.cpu_ms = 1e-7;
  row.ttft_ms = 1.0 / 3;
  row.cost.macs = 123456789012345.0;
  row.cost.tokens = 64;
  row.quality_metric = "exact_match";
  row.quality = 1;
  row.disturbed = true;
  row.equal_to_baseline = false;
  row.first_mismatch = 3;
  row.output_hash = "00ff00ff00ff00ff";
  return row;
}

inline SummaryRow summary_row(const std::string& path, double speedup) {
  SummaryRow row;
  row.config = "quickstart";
  row.path = path;
  row.method = "speculative";
  row.samples = 64;
  row.repetitions = 3;
  row.rows = 192;
  row.threads = 2;
  row.latency_ms_mean = {41.25 / speedup, 40 / speedup, 42 / speedup};
  row.speedup = {speedup, speedup - 0.1, speedup + 0.1};
  row.tokens_per_s = 310 * speedup;
  row.quality_metric = "exact_match";
  row.quality = {0.84375, 0.75, 0.92};
  row.quality_delta = {0, -0.01, 0.01};
  row.quality_verdict = "non-inferior";
  row.acceptance_rate = 0.8125;
  row.tokens_per_target_pass = 3.21;
  row.equal_share = 1;
  row.predicted_speedup = speedup * 1.05;
  return row;
}

inline SummaryRow baseline_row() {
  SummaryRow row = summary_row("autoregressive", 1);
  row.method = "autoregressive";
  row.speedup = {1, 1, 1};
  row.quality_delta = {};
  row.quality_verdict = "";
  row.acceptance_rate = row.equal_share = row.predicted_speedup = kMissing;
  row.tokens_per_target_pass = 1;
  return row;
}

}  // namespace dynexec::fixture
