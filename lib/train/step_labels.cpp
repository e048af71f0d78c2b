#include "train/step_labels.hpp"

#include "models/step_predictor.hpp"

namespace dynexec {
namespace {

std::vector<double> mean_of(std::span<const StepCurve> curves, std::vector<double> StepCurve::*values) {
  std::vector<double> mean((curves.front().*values).size(), 0);
  for (const StepCurve& curve : curves)
    for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += (curve.*values)[k] / static_cast<double>(curves.size());
  return mean;
}

std::vector<double> gains_of(std::span<const std::int64_t> grid, std::span<const double> quality, double price) {
  std::vector<double> gains;
  for (std::size_t k = 0; k + 1 < grid.size(); ++k)
    gains.push_back(quality[k + 1] - quality[k] - price * static_cast<double>(grid[k + 1] - grid[k]));
  return gains;
}

}  // namespace

std::int64_t first_decline(std::span<const std::int64_t> grid, const StepCurve& curve, double decline) {
  for (std::size_t k = 1; k < curve.successive.size(); ++k)
    if (curve.successive[k] < curve.successive[k - 1] - decline) return grid[k];
  return grid.back();
}

std::int64_t settled_steps(std::span<const std::int64_t> grid, const StepCurve& curve, double threshold) {
  std::size_t k = grid.size() - 1;
  while (k > 0 && curve.to_reference[k - 1] >= threshold) --k;
  return grid[k];
}

std::int64_t sufficient_steps(std::span<const std::int64_t> grid, std::span<const double> shown, double decline) {
  std::size_t k = grid.size() - 1;
  const double wanted = shown[k] - decline;
  while (k > 0 && shown[k - 1] >= wanted) --k;
  return grid[k];
}

StepLabel label_of(std::span<const std::int64_t> grid, std::span<const StepCurve> curves, const StepLabelRule& rule) {
  StepLabel label{.quality = mean_of(curves, rule.judged() ? &StepCurve::shown : &StepCurve::to_reference),
                  .gains = {}};
  if (rule.label == "C" || rule.priced()) {
    label.steps = rule.priced() ? worthwhile_steps(grid, label.quality, rule.price)
                                : sufficient_steps(grid, label.quality, rule.decline);
    label.mean = static_cast<double>(label.steps);
    if (rule.priced()) label.gains = gains_of(grid, label.quality, rule.price);
    return label;
  }
  double sum = 0;
  for (const StepCurve& curve : curves)
    sum += static_cast<double>(rule.label == "A" ? first_decline(grid, curve, rule.decline)
                                                 : settled_steps(grid, curve, rule.threshold));
  label.mean = sum / static_cast<double>(curves.size());
  label.steps = nearest_steps(grid, label.mean);
  return label;
}

}  // namespace dynexec
