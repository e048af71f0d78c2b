#include "image/planes.hpp"

#include <cmath>

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {
namespace {

std::string shape_text(const Planes& planes) {
  return fmt::format("[{}, {}, {}]", planes.channels, planes.height, planes.width);
}

// channels * height * width, or -1 when it is not positive or overflows.
std::int64_t count_of(const Planes& planes) {
  std::int64_t count = 0;
  if (planes.channels < 1 || planes.height < 1 || planes.width < 1 ||
      __builtin_mul_overflow(planes.channels, planes.height, &count) ||
      __builtin_mul_overflow(count, planes.width, &count)) {
    return -1;
  }
  return count;
}

}  // namespace

void require_planes(const Planes& planes, const std::string& name) {
  const std::int64_t count = count_of(planes);
  if (count < 1 || static_cast<std::size_t>(count) != planes.values.size()) {
    throw Error(ErrorKind::data,
                fmt::format("the shape {} does not fit {} values", shape_text(planes), planes.values.size()), name,
                "give channels, height and width of at least 1 and as many values as their product");
  }
  for (std::size_t i = 0; i < planes.values.size(); ++i) {
    if (std::isfinite(planes.values[i])) continue;
    const auto at = static_cast<std::int64_t>(i);
    throw Error(ErrorKind::data, fmt::format("the value {} is not finite", planes.values[i]),
                fmt::format("{}, channel {}, row {}, column {}", name, at / planes.pixels(),
                            at % planes.pixels() / planes.width, at % planes.width),
                "look for the step that produced it; metrics of such values mean nothing");
  }
}

void require_alike(const Planes& first, const Planes& second, const std::string& noun) {
  require_planes(first, "the first " + noun);
  require_planes(second, "the second " + noun);
  if (first.channels != second.channels || first.height != second.height || first.width != second.width) {
    throw Error(ErrorKind::data, fmt::format("shapes differ: {} and {}", shape_text(first), shape_text(second)), noun,
                "compare only what has the same channels, height and width");
  }
}

void require_data_range(double data_range) {
  if (std::isfinite(data_range) && data_range > 0) return;
  throw Error(ErrorKind::data, fmt::format("the data range {} is not a positive number", data_range), "",
              "give the largest value minus the smallest that an image can hold: 1, 2 or 255");
}

}  // namespace dynexec
