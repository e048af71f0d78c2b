#include "data/shapes/field.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dynexec::shapes {
namespace {

double box(double x, double y, double half_width, double half_height) {
  return std::max(std::abs(x) - half_width, std::abs(y) - half_height);
}

double triangle(double x, double y) {
  const double slanted = std::numbers::sqrt3 / 2 * std::abs(x) + 0.5 * y;
  return std::max(slanted, -y) - 0.52;
}

// Five spikes: the radius falls linearly in the angle from a tip to the notch beside it.
double star(double x, double y) {
  const double sector = 2 * std::numbers::pi / 5;
  const double angle = std::atan2(x, y), folded = std::abs(angle - sector * std::round(angle / sector));
  const double from_tip = folded / (sector / 2);
  return 0.6 * (std::hypot(x, y) - (1.1 * (1 - from_tip) + 0.4 * from_tip));
}

}  // namespace

const std::vector<std::string>& names() {
  static const std::vector<std::string> list{"disk", "square", "triangle", "star", "plus",
                                             "ring", "frame",  "crescent", "bar",  "bowtie"};
  return list;
}

double field(int shape, double x, double y) {
  const double radius = std::hypot(x, y), side = std::max(std::abs(x), std::abs(y));
  switch (shape) {
    case 0:
      return radius - 0.9;
    case 1:
      return side - 0.8;
    case 2:
      return triangle(x, y);
    case 3:
      return star(x, y);
    case 4:
      return std::min(box(x, y, 0.95, 0.3), box(x, y, 0.3, 0.95));
    case 5:
      return std::abs(radius - 0.7) - 0.2;
    case 6:
      return std::abs(side - 0.63) - 0.18;
    case 7:
      return std::max(radius - 0.95, 0.75 - std::hypot(x - 0.5, y));
    case 8:
      return box(x, y, 1.0, 0.32);
    default:
      return std::max(std::abs(x) - 0.9, std::abs(y) - 0.85 * std::abs(x) - 0.06);
  }
}

}  // namespace dynexec::shapes
