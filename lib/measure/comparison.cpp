#include "measure/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/known_name.hpp"
#include "measure/path_rows.hpp"
#include "measure/picture_summary.hpp"
#include "measure/statistics.hpp"
#include "measure/summary.hpp"

namespace dynexec {
namespace {

std::vector<std::string> paths_of(const RunRows& run) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const SampleRow& row : run.rows)
    if (seen.insert(row.path).second) names.push_back(row.path);
  return names;
}

// The second run's rows with the sample numbers of the first; rows of samples that the first does not have are left
// out.
RunRows numbered_like(const RunRows& first, const RunRows& second) {
  std::map<std::string, std::int64_t> numbers;
  for (const SampleRow& row : first.rows) numbers.emplace(row.sample_id, row.sample);
  RunRows result{second.name, {}, second.reference_features};
  for (const SampleRow& row : second.rows) {
    const auto found = numbers.find(row.sample_id);
    if (found == numbers.end()) continue;
    result.rows.push_back(row);
    result.rows.back().sample = found->second;
  }
  if (result.rows.empty())
    throw Error(ErrorKind::data, "the runs have no sample in common", second.name, "compare runs of the same task");
  return result;
}

// Total time of each repetition that has all of `samples`.
std::vector<double> totals_of_repetitions(const PathRows& path, const std::vector<std::int64_t>& samples) {
  const std::set<std::int64_t> wanted(samples.begin(), samples.end());
  std::map<std::int64_t, std::pair<std::size_t, double>> totals;
  for (const SampleRow* row : path.measured) {
    if (!wanted.contains(row->sample)) continue;
    auto& [count, sum] = totals[row->repetition];
    ++count;
    sum += row->latency_ms;
  }
  std::vector<double> complete;
  for (const auto& [repetition, total] : totals)
    if (total.first == wanted.size()) complete.push_back(total.second);
  return complete;
}

Interval score_delta_of(const Paired& scores, const BootstrapOptions& options) {
  if (scores.samples.empty()) return {};
  std::vector<double> deltas;
  std::int64_t gained = 0, lost = 0;
  bool binary = true;
  for (std::size_t i = 0; i < scores.path.size(); ++i) {
    deltas.push_back(scores.path[i] - scores.baseline[i]);
    gained += deltas.back() > 0;
    lost += deltas.back() < 0;
    for (const double value : {scores.path[i], scores.baseline[i]}) binary = binary && (value == 0 || value == 1);
  }
  if (binary)
    return paired_proportion_interval(gained, lost, static_cast<std::int64_t>(deltas.size()), options.confidence);
  return Bootstrap(deltas.size(), options).mean(deltas);
}

Interval total_ratio(const PathRows& reference, const PathRows& path, double SampleFigures::*figure,
                     const BootstrapOptions& options) {
  const Paired paired = pair_up(reference, path, figure);
  const auto positive = [](double value) { return value > 0; };
  if (std::none_of(paired.path.begin(), paired.path.end(), positive) ||
      std::none_of(paired.baseline.begin(), paired.baseline.end(), positive))
    return {};
  return Bootstrap(paired.samples.size(), options).ratio(paired.baseline, paired.path);
}

void add_notes(const PathRows& reference, const PathRows& path, ComparisonRow& row) {
  if (row.repetitions < kRankTestRepetitions)
    row.notes.push_back(fmt::format("{} repetitions: below {} the rank test says little; set bench.repetitions={}",
                                    row.repetitions, kRankTestRepetitions, kRankTestRepetitions));
  if (row.samples < kMinSamples)
    row.notes.push_back(fmt::format("{} samples: below {} intervals are too narrow", row.samples, kMinSamples));
  const SampleRow &mine = *path.measured.front(), &theirs = *reference.measured.front();
  if (mine.threads != theirs.threads)
    row.notes.push_back(fmt::format("{} threads against {}", mine.threads, theirs.threads));
  if (mine.quality_metric != theirs.quality_metric)
    row.notes.push_back(fmt::format("{} against {}", mine.quality_metric, theirs.quality_metric));
  const std::size_t failed = path.failed.size() + reference.failed.size();
  if (failed > 0) row.notes.push_back(fmt::format("{} rows failed and are left out", failed));
  std::size_t disturbed = 0;
  for (const PathRows* side : {&path, &reference})
    disturbed += static_cast<std::size_t>(
        std::count_if(side->measured.begin(), side->measured.end(), [](const SampleRow* r) { return r->disturbed; }));
  if (10 * disturbed > path.measured.size() + reference.measured.size())
    row.notes.push_back(fmt::format("{} rows were disturbed by other work on the machine", disturbed));
}

struct Side {
  const RunRows* run;
  std::string path;
};

ComparisonRow compare_paths(const Side& reference_side, const Side& path_side, const BootstrapOptions& options) {
  const PathRows reference(reference_side.run->rows, reference_side.path), path(path_side.run->rows, path_side.path);
  ComparisonRow row;
  row.run = path_side.run->name;
  row.path = path_side.path;
  row.reference_run = reference_side.run->name;
  row.reference = reference_side.path;
  const Paired latency = pair_up(reference, path, &SampleFigures::latency_median);
  row.samples = static_cast<std::int64_t>(latency.samples.size());
  if (latency.samples.empty()) {
    row.notes.emplace_back("no sample was measured on both sides");
    return row;
  }
  std::vector<double> ratios;
  for (std::size_t i = 0; i < latency.path.size(); ++i) ratios.push_back(latency.baseline[i] / latency.path[i]);
  const Bootstrap bootstrap(ratios.size(), options);
  row.latency_ratio = bootstrap.geometric_mean(ratios);
  row.latency_ratio_total = bootstrap.ratio(latency.baseline, latency.path);
  const std::vector<double> theirs = totals_of_repetitions(reference, latency.samples),
                            mine = totals_of_repetitions(path, latency.samples);
  row.repetitions = static_cast<std::int64_t>(std::min(theirs.size(), mine.size()));
  row.mann_whitney_p = mann_whitney(theirs, mine).p;
  row.quality_metric = path.measured.front()->quality_metric;
  row.quality_delta = score_delta_of(pair_up(reference, path, &SampleFigures::quality), options);
  row.attribute_accuracy_delta = score_delta_of(pair_up(reference, path, &SampleFigures::attribute_accuracy), options);
  if (reference_side.run->reference_features == path_side.run->reference_features)
    row.frechet_delta = FrechetSummary(reference_side.run->reference_features, reference,
                                       {options.resamples, options.confidence, options.seed})
                            .compare(path, reference)
                            .difference;
  row.macs_ratio = total_ratio(reference, path, &SampleFigures::macs, options);
  row.evaluations_ratio = total_ratio(reference, path, &SampleFigures::evaluations, options);
  row.energy_ratio = total_ratio(reference, path, &SampleFigures::energy_j, options);
  if (path.measured.front()->energy_profile == reference.measured.front()->energy_profile)
    row.modelled_energy_ratio = total_ratio(reference, path, &SampleFigures::modelled_energy_j, options);
  add_notes(reference, path, row);
  return row;
}

void require_path(const std::vector<std::string>& names, const std::string& path, const char* option) {
  require_known_name(path, names, fmt::format("the run has no path '{}'", path), option);
}

}  // namespace

void keep_paths(RunRows& first, RunRows* second, std::span<const std::string> paths, const std::string& reference) {
  if (paths.empty() || first.rows.empty()) return;
  std::vector<std::string> names = paths_of(first);
  std::set<std::string> kept{names.front()};
  if (!reference.empty()) kept.insert(reference);
  if (second)
    for (std::string& name : paths_of(*second)) names.push_back(std::move(name));
  for (const std::string& path : paths) {
    require_path(names, path, "--paths");
    kept.insert(path);
  }
  for (RunRows* run : {&first, second})
    if (run) std::erase_if(run->rows, [&](const SampleRow& row) { return !kept.contains(row.path); });
}

std::vector<ComparisonRow> compare_runs(const RunRows& first, const RunRows* second, const std::string& reference,
                                        const BootstrapOptions& bootstrap, const PathProgress& progress) {
  for (const RunRows* run : {&first, second})
    if (run && run->rows.empty())
      throw Error(ErrorKind::data, "the run has no rows", run->name, "let it finish, or resume it with --resume");
  const std::vector<std::string> names = paths_of(first);
  std::vector<std::pair<Side, Side>> pairs;  // reference and path
  RunRows other;
  if (second) other = numbered_like(first, *second);
  if (!second || !reference.empty()) {
    const std::string chosen = reference.empty() ? names.front() : reference;
    require_path(names, chosen, "--reference");
    for (const std::string& name : names)
      if (name != chosen) pairs.push_back({{&first, chosen}, {&first, name}});
    if (second)
      for (const std::string& name : paths_of(other)) pairs.push_back({{&first, chosen}, {&other, name}});
  } else {
    for (const std::string& name : paths_of(other))
      if (std::find(names.begin(), names.end(), name) != names.end()) pairs.push_back({{&first, name}, {&other, name}});
  }
  if (pairs.empty())
    throw Error(ErrorKind::data, second ? "the runs have no path in common" : "the run has one path only", first.name,
                second ? "name the path to compare with: --reference PATH" : "compare it with another run");
  std::vector<ComparisonRow> rows;
  for (const auto& [with, path] : pairs) {
    rows.push_back(compare_paths(with, path, bootstrap));
    if (progress) progress(rows.size(), pairs.size());
  }
  return rows;
}

}  // namespace dynexec
