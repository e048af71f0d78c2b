#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "base/error.hpp"
#include "data/shapes/field.hpp"
#include "data/shapes/shapes.hpp"

using namespace dynexec;

namespace {

ShapeOptions only(int difficulty) {
  ShapeOptions options;
  options.mix.assign(kShapeDifficulties, 0.0);
  options.mix[static_cast<std::size_t>(difficulty - 1)] = 1;
  return options;
}

// Mean absolute difference of neighbouring pixels: noise and clutter raise it where nothing is drawn.
double roughness(const LabelledImages& images) {
  double sum = 0;
  for (std::size_t i = 1; i < images.pixels.size(); ++i)
    sum += std::abs(static_cast<int>(images.pixels[i]) - static_cast<int>(images.pixels[i - 1]));
  return sum / static_cast<double>(images.pixels.size());
}

}  // namespace

TEST_CASE("shapes: any image alone is the image of the stream") {
  const ShapeOptions options;
  const LabelledImages many = draw_shapes(options, 0, 30), one = draw_shapes(options, 17, 1);
  CHECK(many.size() == 30);
  CHECK(one.labels[0] == many.labels[17]);
  CHECK(one.groups[0] == many.groups[17]);
  CHECK(one.image(0) == many.image(17));
  CHECK(many.image(3) != many.image(13));
}

TEST_CASE("shapes: splits and seeds give other images, labels take turns") {
  ShapeOptions test, calibration, other;
  calibration.split = Split::calibration;
  other.seed = 2;
  const LabelledImages a = draw_shapes(test, 0, 20), b = draw_shapes(calibration, 0, 20), c = draw_shapes(other, 0, 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(a.image(i) != b.image(i));
    CHECK(a.image(i) != c.image(i));
    CHECK(a.labels[i] == static_cast<int>(i % 10));
  }
}

TEST_CASE("shapes: difficulties come in the shares of the mix and mean what they say") {
  ShapeOptions options;
  options.mix = {3, 0, 1, 0, 0};
  std::map<std::string, int> counts;
  for (const std::string& group : draw_shapes(options, 0, 2000).groups) ++counts[group];
  CHECK(counts.size() == 2);
  CHECK(std::abs(counts["difficulty/1"] - 1500) < 80);  // four standard deviations
  CHECK(draw_shapes(only(5), 0, 5).groups[3] == "difficulty/5");
  // Noise and clutter grow, contrast falls: plain images have few edges.
  CHECK(roughness(draw_shapes(only(5), 0, 100)) > roughness(draw_shapes(only(1), 0, 100)));
}

TEST_CASE("shapes: the plain image of each class shows its own outline") {
  // On an even background the pixel under the middle of a disk has another colour than the corner, and a ring's has
  // not.
  const LabelledImages images = draw_shapes(only(1), 0, 200);
  const auto distance = [&](std::size_t i, std::size_t at) {
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c)
      sum += std::abs(static_cast<int>(images.pixels[i * 3072 + c * 1024 + at]) -
                      static_cast<int>(images.pixels[i * 3072 + c * 1024 + 33]));
    return sum;
  };
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::string& name = shapes::names()[static_cast<std::size_t>(images.labels[i])];
    INFO(name, " ", i);
    if (name == "disk" || name == "square") CHECK(distance(i, 16 * 32 + 16) > 60);
    if (name == "ring" || name == "frame") CHECK(distance(i, 16 * 32 + 16) < 60);
  }
}

TEST_CASE("shapes: outlines are closed and differ") {
  for (int shape = 0; shape < 10; ++shape) {
    CHECK(shapes::field(shape, 2, 2) > 0);
    CHECK(shapes::field(shape, -2, 1) > 0);
    for (int other = 0; other < shape; ++other) {
      int differing = 0;
      for (double x = -1; x <= 1; x += 0.05)
        for (double y = -1; y <= 1; y += 0.05)
          differing += (shapes::field(shape, x, y) < 0) != (shapes::field(other, x, y) < 0);
      INFO(shape, " and ", other);
      CHECK(differing > 100);
    }
  }
}

TEST_CASE("shapes: options that make no sense are refused") {
  ShapeOptions options;
  options.mix = {1, 1};
  CHECK_THROWS_AS(draw_shapes(options, 0, 1), Error);
  options.mix = {0, 0, 0, 0, 0};
  CHECK_THROWS_AS(draw_shapes(options, 0, 1), Error);
  options.mix = {1, -1, 1, 1, 1};
  CHECK_THROWS_AS(draw_shapes(options, 0, 1), Error);
  options = {};
  options.size = 8;
  CHECK_THROWS_AS(draw_shapes(options, 0, 1), Error);
}
