// How a run measures: the `bench:` section of a config.
#pragma once

#include <cstdint>
#include <string>

#include "config/node.hpp"
#include "measure/bootstrap.hpp"

namespace dynexec {

// Bound on repetitions, also of those that min_time_s asks for.
inline constexpr std::int64_t kMaxRepetitions = 10'000;

struct BenchOptions {
  std::uint64_t seed = 1;
  std::int64_t repetitions = 3;
  double min_time_s = 0;  // repeat until the rows add up to this; 0: off
  double max_time_s = 0;  // start no further block after this; 0: no bound

  // Warm-up of a path: runs of its first sample until the coefficient of variation of the last warmup_window
  // latencies is at most warmup_cv, but warmup_min to warmup_max runs and, after warmup_min, at most
  // warmup_max_s seconds.
  std::int64_t warmup_min = 1, warmup_max = 8, warmup_window = 3;
  double warmup_cv = 0.05, warmup_max_s = 5;

  std::int64_t bootstrap_resamples = 2000;
  double confidence = 0.95;
  IntervalMethod interval = IntervalMethod::bca;
  double quality_margin = 0.02;  // non-inferiority margin in units of the metric

  int threads = 0;  // 0: auto (calibrated)
  std::int64_t batch_size = 1;
  bool trace = false;
  std::string energy = "auto";  // provider, see make_energy_meter

  // A row is disturbed when its CPU time is below disturbed_cpu_share of what its wall time should have used
  // (0: off), or when it has more than disturbed_switches + disturbed_switches_per_s * wall * threads
  // involuntary switches.
  double disturbed_cpu_share = 0.8;
  double disturbed_switches = 3, disturbed_switches_per_s = 50;
  double disturbed_max_share = 0.1;  // of a path's rows; above, its summary is invalid

  // Mean output length relative to the baseline's outside which a summary is invalid.
  double length_low = 0.9, length_high = 1.1;

  BootstrapOptions bootstrap() const { return {bootstrap_resamples, confidence, interval, seed}; }
};

// Reads every key (so that defaults show in the resolved config) and checks bounds; Error(config) otherwise.
BenchOptions read_bench_options(const Node& bench);

}  // namespace dynexec
