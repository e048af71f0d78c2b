// From rows to one summary row a path.
//
// Definitions. A path's speed-up on a sample is the median of the baseline's latencies over its repetitions
// divided by the median of the path's; `speedup` is the geometric mean of that ratio over samples: the only
// mean of ratios that does not depend on which side is called the baseline (Fleming and Wallace 1986), with
// every sample weighing the same. `speedup_total` is the ratio of the summed medians instead: what a user
// saves who runs the whole set. Intervals are paired bootstraps over samples (bootstrap.hpp). Samples that
// failed in either path are left out of a comparison, and make the row invalid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "measure/build_info.hpp"
#include "measure/options.hpp"
#include "measure/rows.hpp"

namespace dynexec {

// What the rows do not say. All of it is known again after a resume.
struct SummaryFacts {
  std::vector<PathInfo> paths;       // [0] is the baseline
  std::vector<double> tensor_bytes;  // one a path, or none
  std::string quality_metric;
  bool higher_is_better = true;
  std::vector<float> reference_features;  // see Task::reference_features
  std::string energy_source = "unavailable";
  int cpus = 0;  // that the process may use; 0: unknown
  bool stopped_by_max_time = false;
  BuildInfo build = build_info();
};
SummaryFacts summary_facts(const Experiment& experiment);

// How many paths of how many are done. Fréchet distances of many features take about a second a path.
using PathProgress = std::function<void(std::size_t done, std::size_t of)>;

// One row a path in the order of facts.paths; a path without rows gives an invalid row. rows: of one run, in
// any order.
std::vector<SummaryRow> summarise(std::span<const SampleRow> rows, const BenchOptions& options,
                                  const SummaryFacts& facts, const PathProgress& progress = {});

// Samples below which intervals are too narrow (the bootstrap's normal range times sqrt((n-1)/n) covers about
// 90 % instead of 95 % at ten), and repetitions below which noise within a sample is not seen unless samples
// are many.
inline constexpr std::int64_t kMinSamples = 10, kMinRepetitions = 3, kManySamples = 100;

// Vectors below which, in the path's set or the reference, no Fréchet distance is given: what few samples add to it
// (in proportion to 1 / samples) would outweigh what paths differ by.
inline constexpr std::size_t kMinFrechetSamples = 50;

}  // namespace dynexec
