// Finished runs side by side: paired ratios of any path against any other, also of another run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "measure/bootstrap.hpp"
#include "measure/rows.hpp"
#include "measure/summary.hpp"

namespace dynexec {

// Repetitions below which the rank test over them says little (its smallest p with 3 against 3 is 0.1).
inline constexpr std::int64_t kRankTestRepetitions = 9;

struct RunRows {
  std::string name;  // as the user calls it
  std::vector<SampleRow> rows;
  std::vector<float> reference_features;  // of the task, as wide as those of the rows; may be absent
};

// One path against its reference.
struct ComparisonRow {
  std::string run, path, reference_run, reference;
  std::int64_t samples = 0;      // that both measured
  std::int64_t repetitions = 0;  // complete on both sides: what the rank test compares
  Interval latency_ratio;        // the reference's over this path's: geometric mean over samples, paired; > 1 is faster
  Interval latency_ratio_total;  // summed times
  double mann_whitney_p = kMissing;  // of the total times of repetitions
  std::string quality_metric;
  Interval quality_delta, attribute_accuracy_delta;  // this path's minus the reference's, paired
  Interval frechet_delta;  // the same of the distances to the task's reference features, where runs keep them
  // The reference's over this path's, in total. Energy is measured; modelled: of the same hardware profile.
  Interval macs_ratio, evaluations_ratio, energy_ratio, modelled_energy_ratio;
  std::vector<std::string> notes;  // what stands in the way of quoting it
};

// Takes the rows of other paths out of the runs (`second` may be null); the first path of the first run, its baseline,
// and `reference` stay. No names: all stay. Error(usage) with "did you mean" for a name that neither run has.
void keep_paths(RunRows& first, RunRows* second, std::span<const std::string> paths, const std::string& reference);

// One run: every path against `reference` ("": the first path). Two runs (second not null): each path of the second
// against the same path of the first, or with a reference every path of both against that path of the first. Samples
// are matched by their ids. `progress`, if any, gets how many paths of how many are done. Error(usage) with "did you
// mean" for an unknown reference, Error(data) when nothing can be compared.
std::vector<ComparisonRow> compare_runs(const RunRows& first, const RunRows* second, const std::string& reference,
                                        const BootstrapOptions& bootstrap = {}, const PathProgress& progress = {});

}  // namespace dynexec
