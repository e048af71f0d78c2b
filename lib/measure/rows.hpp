// The rows that a run produces. lib/report turns them into files and tables through its field table.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "measure/contract.hpp"

namespace dynexec {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();  // an empty field, never a zero

// One sample x path x repetition.
struct SampleRow {
  std::string config, path, method, sample_id, group;
  std::int64_t sample = 0, repetition = 0, order = 0;  // order: position of the path in its block
  std::uint64_t seed = 0;
  int threads = 0;
  double latency_ms = kMissing, cpu_ms = kMissing;
  double ttft_ms = kMissing, tpot_ms = kMissing,
         prefill_ms = kMissing;  // tpot: (latency - ttft) / (tokens - 1)
  Cost cost;
  std::string quality_metric;
  double quality = kMissing;
  double psnr_db = kMissing, feature_distance = kMissing, attribute_accuracy = kMissing;  // see Task::score
  std::int64_t involuntary_switches = 0;
  bool disturbed = false;
  std::optional<bool> equal_to_baseline;  // unset for the baseline and for lossy paths
  std::int64_t first_mismatch = -1;
  double mismatch_logit_gap = kMissing;
  double predicted_ms = kMissing, oracle_ms = kMissing;  // from Path::analyse
  ExitFacts exit;                                        // of paths that may stop early
  SamplingFacts sampling;                                // of paths that make pictures
  double bandwidth_share = kMissing;                     // (weight + KV bytes) / latency / read bandwidth
  double peak_rss_mb = kMissing;  // high-water mark of the process while this row ran; 1 MB = 10^6 bytes
  double energy_j = kMissing;     // measured only
  double modelled_energy_j = kMissing, modelled_latency_ms = kMissing, adc_share = kMissing;  // see Modelled
  std::string energy_profile;
  std::string output_hash;      // first 16 hex digits of SHA-256 of the output tokens
  std::string error;            // empty: measured
  std::vector<float> features;  // of the first repetition, where the task has any; kept in a file of their own
};

// A figure with its 95 % interval.
struct Interval {
  double value = kMissing, low = kMissing, high = kMissing;
};

// One path of a run, over all its rows without error.
struct SummaryRow {
  std::string config, path, method, setting;
  std::int64_t samples = 0, repetitions = 0, rows = 0, failed_rows = 0, disturbed_rows = 0;
  int threads = 0;
  // Over samples, each the mean (for latency_ms_mean) or the median of its repetitions. A percentile p needs
  // 10/(1-p) samples and is missing below.
  Interval latency_ms_mean, latency_ms_median, latency_ms_p90, latency_ms_p99;
  double cpu_ms_mean = kMissing, ttft_ms_mean = kMissing, tpot_ms_mean = kMissing, prefill_ms_mean = kMissing;
  Interval speedup;        // geometric mean over samples of baseline latency / this path's; 1 for the baseline
  Interval speedup_total;  // total baseline time / this path's total time: long samples weigh more
  double throughput_per_s = kMissing;  // samples per second
  double tokens_per_s = kMissing;
  std::string quality_metric;
  Interval quality, quality_delta;  // delta: this path minus the baseline, paired
  std::string quality_verdict;      // "non-inferior", "inferior", "undecided", "" for the baseline or without metric
  // Of pictures. The Fréchet distance is between the features of this path's outputs and the task's reference features.
  Interval psnr_db_mean, feature_distance_mean;
  Interval attribute_accuracy, attribute_accuracy_delta;  // delta: minus the baseline's, paired
  Interval frechet, frechet_delta;
  double steps_mean = kMissing, evaluations_mean = kMissing;
  double macs_mean = kMissing, weight_mb_read_mean = kMissing, kv_mb_read_mean = kMissing;
  double tokens_mean = kMissing, tokens_per_target_pass = kMissing, acceptance_rate = kMissing;
  double draft_length_mean = kMissing;
  // Geometric mean over samples of the baseline's predicted_ms over this path's predicted_ms or oracle_ms.
  double predicted_speedup = kMissing, oracle_speedup = kMissing;
  // Paths that may stop early: means over rows, and hits over all forecasts.
  double exit_depth_mean = kMissing, exits_tested_mean = kMissing, forecast_accuracy = kMissing;
  double compaction_ms_mean = kMissing;
  double bandwidth_share = kMissing;
  double equal_share = kMissing;  // share of rows whose output equals the baseline's (lossless paths)
  double peak_rss_mb = kMissing;  // high-water mark while this path ran
  double tensor_mb = kMissing;    // see Path::tensor_bytes
  double energy_j = kMissing;     // per sample, measured only
  std::string energy_source = "unavailable";
  double modelled_energy_j = kMissing, modelled_latency_ms = kMissing;  // per sample, under energy_profile
  Interval modelled_energy_saving;        // 1 - total of this path / total of the baseline, paired
  double modelled_late_share = kMissing;  // of samples that take longer than the baseline's, both modelled
  double adc_share = kMissing;            // of the modelled energy
  std::string energy_profile;
  bool valid = true;
  std::vector<std::string> invalid_reasons;  // each with its remedy
};

}  // namespace dynexec
