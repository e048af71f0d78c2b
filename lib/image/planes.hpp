// Images and feature maps as the metrics take them: one plane of floats after the other.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dynexec {

// Somebody else's values, [channels, height, width].
struct Planes {
  std::span<const float> values;
  std::int64_t channels = 0, height = 0, width = 0;

  std::int64_t pixels() const { return height * width; }
  std::span<const float> plane(std::int64_t channel) const {
    return values.subspan(static_cast<std::size_t>(channel * pixels()), static_cast<std::size_t>(pixels()));
  }
};

// Throws Error(data) unless the shape is positive and fits the values and all of them are finite. `name` is what the
// message calls them, for example "the second image".
void require_planes(const Planes& planes, const std::string& name);
// require_planes for both, and their shapes are the same.
void require_alike(const Planes& first, const Planes& second, const std::string& noun);
// Throws Error(data) unless the range is positive and finite.
void require_data_range(double data_range);

}  // namespace dynexec
