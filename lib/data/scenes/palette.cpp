#include "data/scenes/palette.hpp"

#include <cmath>

namespace dynexec::scenes {
namespace {

constexpr double kClear = 0.42;

constexpr Rgb kObjects[] = {{0.88, 0.10, 0.10}, {1.00, 0.52, 0.04}, {1.00, 0.92, 0.12}, {0.08, 0.62, 0.16},
                            {0.10, 0.22, 0.92}, {0.58, 0.12, 0.74}, {1.00, 1.00, 1.00}, {0.02, 0.02, 0.02}};
constexpr Tones kBackgrounds[] = {{{0.56, 0.56, 0.56}, {0.40, 0.40, 0.40}}, {{0.95, 0.95, 0.95}, {0.75, 0.75, 0.75}},
                                  {{0.05, 0.05, 0.05}, {0.27, 0.27, 0.27}}, {{0.44, 0.27, 0.13}, {0.60, 0.42, 0.26}},
                                  {{0.99, 0.74, 0.84}, {0.88, 0.54, 0.68}}, {{0.66, 0.91, 0.95}, {0.42, 0.76, 0.84}}};

}  // namespace

const Rgb& object_colour(int colour) {
  return kObjects[colour];
}

const Tones& background_tones(int colour) {
  return kBackgrounds[colour];
}

double distance(const Rgb& a, const Rgb& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

bool stands_out(int colour, int background) {
  const Rgb& own = object_colour(colour);
  const Tones& tones = background_tones(background);
  return distance(own, tones.base) >= kClear && distance(own, tones.second) >= kClear;
}

}  // namespace dynexec::scenes
