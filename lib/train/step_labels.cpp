#include "train/step_labels.hpp"

#include "models/step_predictor.hpp"

namespace dynexec {
namespace {

std::vector<double> likeness_of(std::span<const std::int64_t> grid, std::span<const StepCurve> curves) {
  std::vector<double> likeness(grid.size(), 0);
  for (const StepCurve& curve : curves)
    for (std::size_t k = 0; k < curve.to_reference.size(); ++k)
      likeness[k] += curve.to_reference[k] / static_cast<double>(curves.size());
  return likeness;
}

std::vector<double> gains_of(std::span<const std::int64_t> grid, std::span<const double> likeness, double price) {
  std::vector<double> gains;
  for (std::size_t k = 0; k + 1 < grid.size(); ++k)
    gains.push_back(likeness[k + 1] - likeness[k] - price * static_cast<double>(grid[k + 1] - grid[k]));
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

std::int64_t sufficient_steps(std::span<const std::int64_t> grid, std::span<const StepCurve> curves, double decline) {
  const auto shown = [&](std::size_t k) {
    double sum = 0;
    for (const StepCurve& curve : curves) sum += curve.shown[k];
    return sum / static_cast<double>(curves.size());
  };
  std::size_t k = grid.size() - 1;
  const double wanted = shown(k) - decline;
  while (k > 0 && shown(k - 1) >= wanted) --k;
  return grid[k];
}

std::int64_t worthwhile_steps(std::span<const std::int64_t> grid, std::span<const StepCurve> curves, double price) {
  std::size_t best = 0;
  double most = 0;
  for (std::size_t k = 0; k < grid.size(); ++k) {
    double sum = 0;
    for (const StepCurve& curve : curves) sum += curve.to_reference[k];
    const double worth = sum / static_cast<double>(curves.size()) - price * static_cast<double>(grid[k]);
    if (k > 0 && worth <= most) continue;
    most = worth;
    best = k;
  }
  return grid[best];
}

StepLabel label_of(std::span<const std::int64_t> grid, std::span<const StepCurve> curves, const StepLabelRule& rule) {
  StepLabel label{.likeness = likeness_of(grid, curves), .gains = {}};
  if (rule.label == "C" || rule.label == "D") {
    label.steps =
        rule.label == "C" ? sufficient_steps(grid, curves, rule.decline) : worthwhile_steps(grid, curves, rule.price);
    label.mean = static_cast<double>(label.steps);
    if (rule.label == "D") label.gains = gains_of(grid, label.likeness, rule.price);
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
