#include "diffusion/clean_image.hpp"

#include <algorithm>
#include <cmath>

namespace dynexec {
namespace {

// On the line between the neighbours in rank.
double quantile_of_magnitudes(std::span<const float> values, double share) {
  std::vector<float> sorted;
  sorted.reserve(values.size());
  for (const float value : values) sorted.push_back(std::abs(value));
  const double rank = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(sorted.begin(), at, sorted.end());
  const double low = static_cast<double>(*at);
  if (below + 1 == sorted.size()) return low;
  return std::lerp(low, static_cast<double>(*std::min_element(at + 1, sorted.end())),
                   rank - static_cast<double>(below));
}

}  // namespace

void limit(const CleanLimits& limits, std::span<float> clean) {
  if (limits.quantile > 0 && !clean.empty()) {
    const auto bound =
        static_cast<float>(std::clamp(quantile_of_magnitudes(clean, limits.quantile), 1.0, limits.highest));
    for (float& value : clean) value = std::clamp(value, -bound, bound) / bound;
    return;
  }
  if (limits.clip <= 0) return;
  const auto bound = static_cast<float>(limits.clip);
  for (float& value : clean) value = std::clamp(value, -bound, bound);
}

void predict_clean(Prediction prediction, const CleanLimits& limits, double signal, double deviation,
                   std::span<const float> x, std::span<const float> output, std::vector<float>& clean) {
  // clean = a x + b output. The velocity is that of a process whose signal and deviation have a sum of squares of one.
  double a = 0, b = 1;
  const double size = std::hypot(signal, deviation);
  if (prediction == Prediction::epsilon) {
    a = 1 / signal;
    b = -deviation / signal;
  } else if (prediction == Prediction::v) {
    a = signal / (size * size);
    b = -deviation / size;
  }
  clean.resize(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    clean[i] = static_cast<float>(a * static_cast<double>(x[i]) + b * static_cast<double>(output[i]));
  limit(limits, clean);
}

}  // namespace dynexec
