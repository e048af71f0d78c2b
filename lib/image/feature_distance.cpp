#include "image/feature_distance.hpp"

#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {
namespace {

// 1 / length of the channel vector at every position, [height, width]; 0 for a vector of zeros.
std::vector<double> inverse_lengths(const Planes& map) {
  std::vector<double> out(static_cast<std::size_t>(map.pixels()));
  for (std::int64_t channel = 0; channel < map.channels; ++channel) {
    const std::span<const float> plane = map.plane(channel);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] += static_cast<double>(plane[i]) * static_cast<double>(plane[i]);
  }
  for (double& value : out) value = value > 0 ? 1 / std::sqrt(value) : 0;
  return out;
}

double layer_distance(const Planes& first, const Planes& second) {
  const std::vector<double> x_scale = inverse_lengths(first), y_scale = inverse_lengths(second);
  double sum = 0;
  for (std::int64_t channel = 0; channel < first.channels; ++channel) {
    const std::span<const float> x = first.plane(channel), y = second.plane(channel);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double difference = static_cast<double>(x[i]) * x_scale[i] - static_cast<double>(y[i]) * y_scale[i];
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(first.pixels());
}

}  // namespace

double feature_distance(std::span<const Planes> first, std::span<const Planes> second) {
  if (first.empty() || first.size() != second.size()) {
    throw Error(ErrorKind::data, fmt::format("{} and {} layers of features", first.size(), second.size()), "",
                "give the same layers of both images, at least one");
  }
  double sum = 0;
  for (std::size_t layer = 0; layer < first.size(); ++layer) {
    require_alike(first[layer], second[layer], fmt::format("feature map of layer {}", layer));
    sum += layer_distance(first[layer], second[layer]);
  }
  return sum / static_cast<double>(first.size());
}

}  // namespace dynexec
