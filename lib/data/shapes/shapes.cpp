#include "data/shapes/shapes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/random.hpp"
#include "data/shapes/field.hpp"

namespace dynexec {
namespace {

using Colour = std::array<double, 3>;

// What a difficulty means; lengths in shares of the image.
struct Knobs {
  double radius, shift, turn, contrast, noise, mixed, hidden;
  int clutter;
};

Knobs knobs_of(int difficulty) {
  const double t = static_cast<double>(difficulty - 1) / (kShapeDifficulties - 1);
  const auto between = [t](double easy, double hard) { return easy + t * (hard - easy); };
  return {.radius = between(0.36, 0.22),
          .shift = between(0.03, 0.16),
          .turn = between(0.15, 1.0),
          .contrast = between(0.7, 0.16),
          .noise = between(0.01, 0.07),
          .mixed = between(0.0, 0.34),
          .hidden = between(0.0, 0.5),
          .clutter = static_cast<int>(std::lround(between(0, 6)))};
}

double clamp01(double value) {
  return std::clamp(value, 0.0, 1.0);
}

// A colour at `contrast` from `other`, on the side where there is more room in each channel.
Colour contrasting(const Colour& other, double contrast, RandomStream& random) {
  Colour direction{};
  double square = 0;
  for (double& d : direction) {
    d = 0.3 + random.uniform();
    square += d * d;
  }
  Colour colour{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double step = contrast * direction[c] / std::sqrt(square) * std::numbers::sqrt3;
    const bool up = other[c] + 0.15 * (random.uniform() - 0.5) < 0.5;
    colour[c] = clamp01(other[c] + (up ? step : -step));
  }
  return colour;
}

// An image under work, values in [0, 1].
class Canvas {
 public:
  Canvas(std::int64_t size, const Colour& base, RandomStream& random)
      : size_(size), values_(static_cast<std::size_t>(3 * size * size)) {
    const double angle = 2 * std::numbers::pi * random.uniform(), slope = 0.12 * random.uniform();
    each_pixel([&](double x, double y, std::size_t at) {
      const double shade = slope * (x * std::cos(angle) + y * std::sin(angle));
      for (std::size_t c = 0; c < 3; ++c) value(c, at) = base[c] + shade;
    });
  }

  // Covers the places where `distance`, in shares of the image, is negative; edges one pixel wide.
  template <class Distance>
  void cover(const Colour& colour, Distance distance) {
    const auto pixels = static_cast<double>(size_);
    each_pixel([&](double x, double y, std::size_t at) {
      const double share = clamp01(0.5 - pixels * distance(x, y));
      if (share <= 0) return;
      for (std::size_t c = 0; c < 3; ++c) value(c, at) += share * (colour[c] - value(c, at));
    });
  }

  void add_noise(double deviation, RandomStream& random) {
    for (double& v : values_) v += deviation * random.normal();
  }

  void write(std::vector<std::uint8_t>& out) const {
    for (const double v : values_) out.push_back(static_cast<std::uint8_t>(std::lround(255 * clamp01(v))));
  }

 private:
  // x and y from -0.5 to 0.5.
  template <class Function>
  void each_pixel(Function f) {
    std::size_t at = 0;
    for (std::int64_t row = 0; row < size_; ++row)
      for (std::int64_t column = 0; column < size_; ++column, ++at)
        f((static_cast<double>(column) + 0.5) / static_cast<double>(size_) - 0.5,
          (static_cast<double>(row) + 0.5) / static_cast<double>(size_) - 0.5, at);
  }
  double& value(std::size_t channel, std::size_t at) {
    return values_[channel * static_cast<std::size_t>(size_ * size_) + at];
  }

  std::int64_t size_;
  std::vector<double> values_;  // [3, size, size]
};

double spread(RandomStream& random) {
  return 2 * random.uniform() - 1;
}

// A short stroke or dot.
void draw_clutter(Canvas& canvas, const Colour& colour, RandomStream& random) {
  const double x0 = 0.5 * spread(random), y0 = 0.5 * spread(random), angle = std::numbers::pi * random.uniform();
  const double half_length = 0.15 * random.uniform(), half_width = 0.015 + 0.03 * random.uniform();
  const double along_x = std::cos(angle), along_y = std::sin(angle);
  canvas.cover(colour, [&](double x, double y) {
    const double along = (x - x0) * along_x + (y - y0) * along_y, across = (y - y0) * along_x - (x - x0) * along_y;
    return std::max(std::abs(along) - half_length, std::abs(across) - half_width);
  });
}

void draw_shape(Canvas& canvas, int label, const Knobs& knobs, const Colour& colour, RandomStream& random) {
  const auto classes = static_cast<std::uint64_t>(shapes::names().size());
  const int other = static_cast<int>((static_cast<std::uint64_t>(label) + 1 + random.below(classes - 1)) % classes);
  const double mixed = knobs.mixed * random.uniform();
  const double radius = knobs.radius * (0.9 + 0.2 * random.uniform());
  const double x0 = knobs.shift * spread(random), y0 = knobs.shift * spread(random);
  const double angle = knobs.turn * std::numbers::pi * spread(random);
  const double cosine = std::cos(angle), sine = std::sin(angle);
  canvas.cover(colour, [&](double x, double y) {
    const double u = ((x - x0) * cosine + (y - y0) * sine) / radius, v = ((y - y0) * cosine - (x - x0) * sine) / radius;
    const double own = shapes::field(label, u, v);
    return radius * (mixed > 0 ? (1 - mixed) * own + mixed * shapes::field(other, u, v) : own);
  });
}

// A band in the background's colours across a part of the shape.
void draw_occlusion(Canvas& canvas, const Knobs& knobs, const Colour& colour, RandomStream& random) {
  const double half_width = 0.5 * knobs.radius * knobs.hidden * random.uniform();
  const double angle = std::numbers::pi * random.uniform(), offset = 0.7 * knobs.radius * spread(random);
  const double across_x = std::cos(angle), across_y = std::sin(angle);
  canvas.cover(colour, [&](double x, double y) { return std::abs(x * across_x + y * across_y - offset) - half_width; });
}

int draw_difficulty(const std::vector<double>& mix, RandomStream& random) {
  double total = 0;
  for (const double share : mix) total += share;
  double left = random.uniform() * total;
  for (std::size_t i = 0; i + 1 < mix.size(); ++i) {
    if (left < mix[i]) return static_cast<int>(i) + 1;
    left -= mix[i];
  }
  int last = kShapeDifficulties;
  while (mix[static_cast<std::size_t>(last - 1)] <= 0) --last;
  return last;
}

}  // namespace

void ShapeOptions::check() const {
  double total = 0;
  bool fits = mix.size() == kShapeDifficulties;
  for (const double share : mix) {
    fits = fits && std::isfinite(share) && share >= 0;
    total += share;
  }
  if (!fits || !(total > 0))
    throw Error(ErrorKind::config, fmt::format("the mix is not {} shares", kShapeDifficulties), "mix",
                "give a share of at least 0 for each difficulty, for example [1, 1, 1, 1, 1]");
  if (size < 16 || size > 256)
    throw Error(ErrorKind::config, fmt::format("images of {} pixels are not drawn", size), "size", "use 16 to 256");
}

LabelledImages draw_shapes(const ShapeOptions& options, std::uint64_t first, std::int64_t count) {
  options.check();
  LabelledImages images;
  images.channels = 3;
  images.height = images.width = options.size;
  images.pixels.reserve(static_cast<std::size_t>(3 * count * options.size * options.size));
  const auto classes = static_cast<std::uint64_t>(shapes::names().size());
  for (std::uint64_t index = first; index < first + static_cast<std::uint64_t>(count); ++index) {
    RandomStream random(options.seed, index, static_cast<std::uint32_t>(options.split),
                        static_cast<std::uint32_t>(Purpose::task));
    const int label = static_cast<int>(index % classes), difficulty = draw_difficulty(options.mix, random);
    const Knobs knobs = knobs_of(difficulty);
    const Colour background{0.15 + 0.7 * random.uniform(), 0.15 + 0.7 * random.uniform(),
                            0.15 + 0.7 * random.uniform()};
    Canvas canvas(options.size, background, random);
    const Colour object = contrasting(background, knobs.contrast * (0.85 + 0.3 * random.uniform()), random);
    for (int i = 0; i < knobs.clutter; ++i)
      draw_clutter(canvas, contrasting(background, knobs.contrast, random), random);
    draw_shape(canvas, label, knobs, object, random);
    if (knobs.hidden > 0) draw_occlusion(canvas, knobs, contrasting(background, 0.05, random), random);
    canvas.add_noise(knobs.noise, random);
    canvas.write(images.pixels);
    images.labels.push_back(label);
    images.groups.push_back(fmt::format("difficulty/{}", difficulty));
  }
  return images;
}

}  // namespace dynexec
