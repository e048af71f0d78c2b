// Choosing one scalar setting a path: the fastest whose quality loss is bounded on samples that nothing was fitted on.
//
// Learn-then-Test with fixed-sequence testing (quality_test.hpp has the p-values): settings are tested from the most
// careful on, each at level 1 - confidence, and testing stops at the first that does not pass. The order is fixed in
// advance, so the probability that any passed setting loses the margin or more is at most 1 - confidence, and any of
// them may be chosen by its speed. The statement holds for each path on its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/bench_loop.hpp"
#include "measure/quality_test.hpp"

namespace dynexec {

enum class TuneBy { time, macs };

struct TuneOptions {
  double max_quality_drop = 0.01;  // in (0, 1), units of a metric in [0, 1]
  double confidence = 0.95;
  TuneBy by = TuneBy::time;
  QualityTest test = QualityTest::automatic;
};

// One path with its settings, each of which is a path of the experiment.
struct TuneLadder {
  std::string path, key;            // for the rows
  std::vector<double> values;       // from the most careful to the fastest
  std::vector<std::size_t> places;  // in experiment.paths, one a value
  bool lossy = true;                // false: the output does not depend on the value, so that nothing is tested
};

// One setting that was run.
struct TuneRow {
  std::string config, path, key;
  double value = kMissing;
  std::int64_t samples = 0, failed_rows = 0;  // samples: with figures on both sides
  std::string quality_metric, test;           // test: empty where none was needed
  double quality = kMissing;
  double quality_drop = kMissing;  // mean; the baseline's minus this one's, or the reverse where lower is better
  std::int64_t lost = 0, gained = 0;
  double p_value = kMissing;
  std::optional<bool> passed;  // unset: not tested
  Interval speedup;            // geometric mean over samples, paired; missing where nothing was timed
  double macs_mean = kMissing, macs_reduction = kMissing;
  bool chosen = false;
};

struct TunedPath {
  std::string path, key;
  std::vector<TuneRow> rows;          // from the most careful on, as far as testing went
  std::size_t chosen = 0;             // row
  bool passed = false;                // false: no setting passed, and the most careful one stands
  std::optional<std::size_t> failed;  // row at which testing stopped
  std::int64_t samples_needed = 0;    // with fewer even a path that loses nothing could not pass
};

// Measures paths[0] and the ladders' paths on the experiment's task, once a sample, and where two settings are nearly
// as fast three times on some. Where all paths can rehearse, only the settings that may be the fastest run at all.
// Error(config) when a lossy path has no metric to be judged by or a metric that is not in [0, 1]. bench: its warm-up,
// batch and seed count.
std::vector<TunedPath> tune_paths(Experiment& experiment, std::vector<TuneLadder> ladders, const TuneOptions& options,
                                  const BenchOptions& bench, const BenchRequest& request);

}  // namespace dynexec
