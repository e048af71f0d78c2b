#include "measure/score_summary.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include "measure/statistics.hpp"

namespace dynexec {
namespace {

bool all_binary(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0 || value == 1; });
}

}  // namespace

Interval mean_score(std::span<const double> values, Resamplers& resamplers) {
  if (values.empty() || !all_binary(values)) return resamplers.mean(values);
  const auto successes = std::count(values.begin(), values.end(), 1.0);
  return wilson_interval(successes, static_cast<std::int64_t>(values.size()), resamplers.options().confidence);
}

Interval score_delta(const Paired& scores, bool same_output, Resamplers& resamplers) {
  std::vector<double> deltas(scores.path.size());
  std::transform(scores.path.begin(), scores.path.end(), scores.baseline.begin(), deltas.begin(), std::minus<>());
  const bool constant = std::adjacent_find(deltas.begin(), deltas.end(), std::not_equal_to<>()) == deltas.end();
  const bool binary = all_binary(scores.path) && all_binary(scores.baseline);
  // Resampling equal differences gives an interval without width, however few they are. That is right where
  // the outputs themselves are the baseline's; elsewhere a pair that differs may just not have been drawn
  // yet.
  if (deltas.empty() || !constant || !binary || same_output) return resamplers.mean(deltas);
  const auto gained = std::count(deltas.begin(), deltas.end(), 1.0);
  const auto lost = std::count(deltas.begin(), deltas.end(), -1.0);
  return paired_proportion_interval(gained, lost, static_cast<std::int64_t>(deltas.size()),
                                    resamplers.options().confidence);
}

}  // namespace dynexec
