#include "measure/picture_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.hpp"
#include "measure/statistics.hpp"

namespace dynexec {
namespace {

// Of each sample that has features.
using FeatureRows = std::map<std::int64_t, const std::vector<float>*>;

FeatureRows features_of(const PathRows& path) {
  FeatureRows rows;
  for (const SampleRow* row : path.measured)
    if (!row->features.empty()) rows.emplace(row->sample, &row->features);
  return rows;
}

void append(std::vector<float>& values, const std::vector<float>& row, std::size_t width) {
  if (row.size() != width)
    throw Error(ErrorKind::internal, fmt::format("a task gave {} features, then {}", width, row.size()), "", "");
  values.insert(values.end(), row.begin(), row.end());
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

Interval interval_of(const FrechetFigure& figure) {
  return {figure.value, figure.low, figure.high};
}

}  // namespace

void fill_picture_scores(const PathRows& path, Resamplers& resamplers, SummaryRow& row) {
  row.psnr_db_mean = resamplers.mean(path.values(&SampleFigures::psnr_db));
  row.feature_distance_mean = resamplers.mean(path.values(&SampleFigures::feature_distance));
  row.attribute_accuracy = mean_score(path.values(&SampleFigures::attribute_accuracy), resamplers);
  row.steps_mean = mean_of(path.values(&SampleFigures::steps));
  row.evaluations_mean = mean_of(path.values(&SampleFigures::evaluations));
}

void fill_picture_deltas(const PathRows& baseline, const PathRows& path, Resamplers& resamplers, SummaryRow& row) {
  row.attribute_accuracy_delta =
      score_delta(pair_up(baseline, path, &SampleFigures::attribute_accuracy), row.equal_share == 1, resamplers);
}

FrechetSummary::FrechetSummary(std::span<const float> reference_features, const PathRows& any,
                               const FrechetBootstrapOptions& options)
    : options_(options) {
  const FeatureRows rows = features_of(any);
  if (rows.empty() || reference_features.empty()) return;
  const std::size_t values = reference_features.size(), width = rows.begin()->second->size();
  if (values % width != 0)
    throw Error(ErrorKind::internal, fmt::format("{} reference values are not vectors of {} features", values, width),
                "", "");
  if (values / width < kMinFrechetSamples) return;
  reference_.emplace(feature_moments({reference_features, values / width, width}, "the task's reference set"));
}

FrechetSummary::Figures FrechetSummary::compare(const PathRows& path, const PathRows& other) const {
  if (!reference_) return {};
  const FeatureRows theirs = features_of(other), ours = features_of(path);
  const std::size_t width = reference_->moments().width;
  std::vector<float> first, second;
  std::size_t samples = 0;
  for (const auto& [sample, features] : ours) {
    const auto partner = theirs.find(sample);
    if (partner == theirs.end()) continue;
    append(first, *features, width);
    append(second, *partner->second, width);
    ++samples;
  }
  if (samples < kMinFrechetSamples || !all_finite(first) || !all_finite(second)) return {};
  const FrechetComparison compared =
      compare_frechet(*reference_, {first, samples, width}, {second, samples, width}, options_);
  return {interval_of(compared.first), interval_of(compared.difference)};
}

}  // namespace dynexec
