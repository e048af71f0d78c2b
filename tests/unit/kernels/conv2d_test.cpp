#include "kernels/conv2d.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "branches.hpp"
#include "convolution_definition.hpp"
#include "kernels/pool2d.hpp"

using namespace dynexec;

namespace {

// Partial panels, tiles wider than one, strides, kernels of 1, 3, 5 and 7, single pixels.
const ConvCase kCases[] = {{{3, 16, 3, 1, 1}, 32, 32},  {{16, 16, 3, 1, 1}, 8, 9},   {{16, 32, 3, 2, 1}, 16, 16},
                           {{5, 7, 3, 1, 1}, 6, 6},     {{3, 64, 7, 2, 3}, 30, 30},  {{64, 128, 1, 2, 0}, 9, 9},
                           {{20, 70, 3, 1, 1}, 1, 1},   {{8, 130, 3, 1, 1}, 3, 100}, {{4, 10, 5, 1, 2}, 12, 7},
                           {{32, 64, 3, 1, 0}, 10, 10}, {{16, 48, 3, 2, 1}, 11, 13}};

FeatureMap random_map(std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t border,
                      std::uint64_t seed) {
  FeatureMap map(height, width, channels, border);
  const std::vector<float> values = random_values(static_cast<std::size_t>(height * width * channels), seed);
  for (std::int64_t y = 0; y < height; ++y)
    std::memcpy(map.at(y, 0), values.data() + y * width * channels,
                static_cast<std::size_t>(width * channels) * sizeof(float));
  return map;
}

}  // namespace

TEST_CASE("a convolution equals its definition, with bias, residual and ReLU, for every branch") {
  for_each_branch([] {
    for (const ConvCase& c : kCases) {
      const ConvShape& s = c.shape;
      CAPTURE(s.in_channels);
      CAPTURE(s.out_channels);
      CAPTURE(c.width);
      const auto weight =
          random_values(static_cast<std::size_t>(s.out_channels * s.in_channels * s.kernel * s.kernel), 3);
      const auto bias = random_values(static_cast<std::size_t>(s.out_channels), 4);
      const Conv2d conv(s, weight, bias);
      const FeatureMap in = random_map(c.height, c.width, s.in_channels, std::max<std::int64_t>(1, s.padding), 5);
      const std::int64_t height = s.out_size(c.height), width = s.out_size(c.width);
      const FeatureMap residual = random_map(height, width, s.out_channels, 0, 6);
      FeatureMap plain(height, width, s.out_channels, 1), added(height, width, s.out_channels, 1);
      conv.forward(in, plain, Activation::none);
      conv.forward(in, added, Activation::relu, &residual);
      double worst = 0;
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
          for (std::int64_t o = 0; o < s.out_channels; ++o) {
            const double wanted =
                convolved(c, in, weight, y, x, o) + static_cast<double>(bias[static_cast<std::size_t>(o)]);
            const double with = std::max(0.0, wanted + static_cast<double>(residual.at(y, x)[o]));
            worst = std::max({worst, std::abs(wanted - static_cast<double>(plain.at(y, x)[o])) / (1 + std::abs(wanted)),
                              std::abs(with - static_cast<double>(added.at(y, x)[o])) / (1 + with)});
          }
      CHECK(worst < 1e-5);
      // The border of the result is still the zeros that the next convolution reads.
      for (std::int64_t x = -1; x <= width; ++x)
        for (std::int64_t o = 0; o < s.out_channels; ++o) {
          CHECK(added.at(-1, x)[o] == 0);
          CHECK(added.at(height, x)[o] == 0);
        }
    }
  });
}

TEST_CASE("threads change no bit of a convolution") {
  const auto weight = random_values(96 * 40 * 9, 1);
  const Conv2d conv({40, 96, 3, 1, 1}, weight, {});
  const FeatureMap in = random_map(20, 20, 40, 1, 2);
  FeatureMap one(20, 20, 96, 0), two(20, 20, 96, 0);
  conv.forward(in, one, Activation::relu);
  const ComputeThreads threads(2);
  conv.forward(in, two, Activation::relu);
  CHECK(std::memcmp(one.at(0, 0), two.at(0, 0), static_cast<std::size_t>(one.bytes())) == 0);
  CHECK(conv.macs(one) == 400.0 * 96 * 40 * 9);
  CHECK(conv.weight_bytes() == 4 * (96 * 40 * 9 + 96));
}

TEST_CASE("maps that do not fit are refused") {
  const Conv2d conv({4, 8, 3, 1, 1}, random_values(8 * 4 * 9, 1), {});
  FeatureMap out(5, 5, 8, 0), small(4, 4, 8, 0);
  CHECK_THROWS_AS(conv.forward(FeatureMap(5, 5, 4, 0), out, Activation::none), Error);  // no border
  CHECK_THROWS_AS(conv.forward(FeatureMap(5, 5, 3, 1), out, Activation::none), Error);
  CHECK_THROWS_AS(conv.forward(FeatureMap(5, 5, 4, 1), small, Activation::none), Error);
  CHECK_THROWS_AS(conv.forward(FeatureMap(5, 5, 4, 1), out, Activation::none, &small), Error);
  CHECK_THROWS_AS(Conv2d({4, 8, 3, 1, 1}, random_values(10, 1), {}), Error);
}

TEST_CASE("pools") {
  FeatureMap map(3, 3, 2, 1);
  for (std::int64_t y = 0; y < 3; ++y)
    for (std::int64_t x = 0; x < 3; ++x) {
      map.at(y, x)[0] = static_cast<float>(3 * y + x);
      map.at(y, x)[1] = -static_cast<float>(3 * y + x + 1);
    }
  FeatureMap out(2, 2, 2, 0);
  max_pool(map, out, 3, 2, 1);
  // Windows over the edge ignore what is outside, also where everything is negative.
  CHECK(out.at(0, 0)[0] == 4);
  CHECK(out.at(0, 0)[1] == -1);
  CHECK(out.at(1, 1)[0] == 8);
  CHECK(out.at(1, 1)[1] == -5);
  std::vector<float> means(8);
  adaptive_average_pool(map, 2, means.data());
  // Regions of 2 x 2 that share the middle row and column.
  CHECK(means == std::vector<float>{2, -3, 3, -4, 5, -6, 6, -7});
  adaptive_average_pool(map, 1, means.data());
  CHECK(means[0] == doctest::Approx(4));
  CHECK_THROWS_AS(max_pool(map, out, 3, 1, 0), Error);
}
