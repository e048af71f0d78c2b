#include "data/scenes/render.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/scenes/palette.hpp"
#include "data/shapes/field.hpp"

namespace dynexec::scenes {
namespace {

constexpr double kTurn = 0.12;                 // radians
constexpr double kShade = 0.03, kTint = 0.01;  // of all of a colour's channels, and of each
constexpr auto kPixels = static_cast<std::size_t>(kImageSize * kImageSize);

// The outline of each shape in shape_names(); how much larger than the object it is drawn, and lower, in shares of its
// radius: triangles are slighter than the others and reach further up than down.
struct Outline {
  int shape;
  double larger = 1, lower = 0;
};
constexpr Outline kOutlines[] = {{0}, {1}, {2, 1.12, 0.12}, {4}, {5}, {8}};

double spread(RandomStream& random) {
  return 2 * random.uniform() - 1;
}

Rgb shaded(const Rgb& colour, RandomStream& random) {
  Rgb shade = colour;
  const double light = kShade * spread(random);
  for (double& channel : shade) channel = std::clamp(channel + light + kTint * spread(random), 0.0, 1.0);
  return shade;
}

// Share of a pixel that is covered when `distance` is that of its middle to the edge, negative inside.
double cover(double distance) {
  return std::clamp(0.5 - distance, 0.0, 1.0);
}

double fraction(double value) {
  return value - std::floor(value);
}

// Bands of `period` pixels, half of them covered.
double band(double along, double period) {
  return cover(std::abs(fraction(along / period) - 0.5) * period - period / 4);
}

// A texture as it lies in one picture: the share of the second tone at a place.
class Pattern {
 public:
  Pattern(Texture texture, RandomStream& random) : texture_(texture) {
    const bool slanted = random.below(2) == 1;
    const double quarter = std::numbers::pi / 2 * static_cast<double>(random.below(4));
    const double angle = texture == Texture::gradient || (texture == Texture::stripes && slanted)
                             ? quarter + std::numbers::pi / 4
                             : quarter;
    along_x_ = std::cos(angle);
    along_y_ = std::sin(angle);
    shift_x_ = 16 * random.uniform();
    shift_y_ = 16 * random.uniform();
  }

  double at(double x, double y) const {
    const double u = x * along_x_ + y * along_y_ + shift_x_, v = y * along_x_ - x * along_y_ + shift_y_;
    switch (texture_) {
      case Texture::plain:
        return 0;
      case Texture::stripes:
        return band(u, 6);
      case Texture::dots:
        return cover(std::hypot(fraction(u / 6) * 6 - 3, fraction(v / 6) * 6 - 3) - 1.7);
      case Texture::checker: {
        const double first = band(u, 10), second = band(v, 10);
        return first + second - 2 * first * second;
      }
      default: {
        const double middle = kImageSize / 2.0;
        return std::clamp(0.5 + ((x - middle) * along_x_ + (y - middle) * along_y_) / (1.2 * kImageSize), 0.0, 1.0);
      }
    }
  }

 private:
  Texture texture_;
  double along_x_ = 1, along_y_ = 0, shift_x_ = 0, shift_y_ = 0;
};

// Blends `colour` over the image in the share that `share_at` gives for a pixel's middle.
template <class Share>
void paint(std::vector<float>& image, const Rgb& colour, Share share_at) {
  for (int row = 0; row < kImageSize; ++row)
    for (int column = 0; column < kImageSize; ++column) {
      const double share = share_at(column + 0.5, row + 0.5);
      if (share <= 0) continue;
      const auto pixel = static_cast<std::size_t>(row * kImageSize + column);
      for (std::size_t c = 0; c < 3; ++c) {
        float& value = image[c * kPixels + pixel];
        value += static_cast<float>(share) * (static_cast<float>(colour[c]) - value);
      }
    }
}

}  // namespace

std::vector<float> render(const Scene& scene, RandomStream& random) {
  std::vector<float> image(3 * kPixels);
  const Tones& tones = background_tones(scene.background);
  paint(image, shaded(tones.base, random), [](double, double) { return 1.0; });
  const Rgb second = shaded(tones.second, random);
  const Pattern pattern(scene.texture, random);
  paint(image, second, [&](double x, double y) { return pattern.at(x, y); });
  for (const Object& object : scene.objects) {
    const Rgb colour = shaded(object_colour(object.colour), random);
    const double angle = kTurn * spread(random), cosine = std::cos(angle), sine = std::sin(angle);
    const Outline& outline = kOutlines[object.shape];
    const double radius = outline.larger * object.radius;
    paint(image, colour, [&](double x, double y) {
      const double right = (x - object.x) / radius, up = (object.y - y) / radius + outline.lower;
      if (std::max(std::abs(right), std::abs(up)) > 1.5) return 0.0;
      return cover(radius * shapes::field(outline.shape, right * cosine + up * sine, up * cosine - right * sine));
    });
  }
  return image;
}

}  // namespace dynexec::scenes
