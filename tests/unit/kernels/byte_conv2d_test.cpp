#include "kernels/byte_conv2d.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "branches.hpp"
#include "convolution_definition.hpp"
#include "kernels/pool2d.hpp"

using namespace dynexec;

namespace {

// Partial panels, tiles wider than one, strides, kernels of 1, 3, 5 and 7, single pixels.
const ConvCase kCases[] = {{{4, 16, 3, 1, 1}, 32, 32}, {{16, 16, 3, 1, 1}, 8, 9},   {{16, 32, 3, 2, 1}, 16, 16},
                           {{8, 7, 3, 1, 1}, 6, 6},    {{4, 64, 7, 2, 3}, 30, 30},  {{64, 128, 1, 2, 0}, 9, 9},
                           {{20, 70, 3, 1, 1}, 1, 1},  {{8, 130, 3, 1, 1}, 3, 100}, {{4, 10, 5, 1, 2}, 12, 7},
                           {{32, 64, 3, 1, 0}, 10, 10}};

ByteMap random_bytes(std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t border,
                     std::uint64_t seed) {
  ByteMap map(height, width, channels, border);
  RandomStream random(seed, 0, 0, 0);
  const auto highest = static_cast<double>(kernel_branch().highest_byte);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t i = 0; i < width * channels; ++i)
      map.at(y, 0)[i] = static_cast<std::uint8_t>(std::lround(random.uniform() * highest));
  return map;
}

// Whole numbers from -127 to 127, the largest of them in every output channel, so that scales are 1.
std::vector<float> whole_weights(const ConvShape& s) {
  const auto each = static_cast<std::size_t>(s.in_channels * s.kernel * s.kernel);
  std::vector<float> weight = random_values(each * static_cast<std::size_t>(s.out_channels), 3, 60);
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight[i] = i % each == 1 ? (i % 2 ? 127.0f : -127.0f) : std::clamp(std::round(weight[i]), -127.0f, 127.0f);
  return weight;
}

}  // namespace

TEST_CASE("a convolution of bytes is exact, and rounds its results to bytes, for every branch") {
  for_each_branch([] {
    for (const ConvCase& c : kCases) {
      const ConvShape& s = c.shape;
      CAPTURE(s.in_channels);
      CAPTURE(s.out_channels);
      CAPTURE(c.width);
      const std::vector<float> weight = whole_weights(s);
      std::vector<float> bias = random_values(static_cast<std::size_t>(s.out_channels), 4, 5000);
      for (float& value : bias) value = std::round(value);
      const ByteConv2d conv(s, round_kernel(weight, s.out_channels), bias, 1.0f);
      const ByteMap in = random_bytes(c.height, c.width, s.in_channels, std::max<std::int64_t>(1, s.padding), 5);
      const FeatureMap unread(c.height, c.width, s.in_channels, in.border());
      const std::int64_t height = s.out_size(c.height), width = s.out_size(c.width);
      FeatureMap out(height, width, s.out_channels, 1);
      ByteMap bytes(height, width, s.out_channels, 1);
      constexpr float kScale = 256;  // dividing by it is exact
      const ConvJob job{
          .in = &unread, .out = &out, .residual = nullptr, .in_bytes = &in, .out_bytes = &bytes, .out_scale = kScale};
      conv.forward(std::span(&job, 1), Activation::relu);
      bool exact = true, coded = true;
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
          for (std::int64_t o = 0; o < s.out_channels; ++o) {
            const double sum = convolved(c, in, weight, y, x, o);
            const double wanted = std::max(0.0, sum + static_cast<double>(bias[static_cast<std::size_t>(o)]));
            const double code = std::min(std::nearbyint(wanted / static_cast<double>(kScale)),
                                         static_cast<double>(kernel_branch().highest_byte));
            exact = exact && static_cast<double>(out.at(y, x)[o]) == wanted;
            coded = coded && static_cast<double>(bytes.at(y, x)[o]) == code;
          }
      CHECK(exact);
      CHECK(coded);
      // The border is still the zeros that the next convolution reads.
      for (std::int64_t x = -1; x <= width; ++x)
        for (std::int64_t o = 0; o < s.out_channels; ++o) {
          CHECK(bytes.at(-1, x)[o] == 0);
          CHECK(bytes.at(height, x)[o] == 0);
        }
    }
  });
}

TEST_CASE("weights are rounded with a scale for each channel, and the residual is added in fp32") {
  const std::vector<float> weight = random_values(24 * 16 * 9, 1);
  const float in_scale = 0.02f;
  const ConvShape shape{16, 24, 3, 1, 1};
  const ByteConv2d conv(shape, round_kernel(weight, 24), {}, in_scale);
  const ConvCase c{shape, 9, 9};
  const ByteMap in = random_bytes(9, 9, 16, 1, 2);
  const FeatureMap unread(9, 9, 16, 1);
  FeatureMap residual(9, 9, 24, 0), out(9, 9, 24, 0);
  for (std::int64_t i = 0; i < 9 * 9 * 24; ++i) residual.at(0, 0)[i] = static_cast<float>(i % 7) - 3;
  const ConvJob job{.in = &unread, .out = &out, .residual = &residual, .in_bytes = &in};
  conv.forward(std::span(&job, 1), Activation::none);
  double worst = 0, largest = 0;
  for (std::int64_t y = 0; y < 9; ++y)
    for (std::int64_t x = 0; x < 9; ++x)
      for (std::int64_t o = 0; o < 24; ++o) {
        const double wanted = convolved(c, in, weight, y, x, o) * static_cast<double>(in_scale) +
                              static_cast<double>(residual.at(y, x)[o]);
        worst = std::max(worst, std::abs(wanted - static_cast<double>(out.at(y, x)[o])));
        largest = std::max(largest, std::abs(wanted));
      }
  CHECK(worst < 0.01 * largest);
  CHECK(worst > 1e-5 * largest);
  CHECK(conv.weight_bytes() == 32 * 16 * 9 + 2 * 4 * 32);
}

TEST_CASE("threads and images beside it change no bit of a convolution of bytes") {
  const ByteConv2d conv({40, 96, 3, 1, 1}, round_kernel(random_values(96 * 40 * 9, 1), 96), {}, 0.1f);
  const ByteMap in = random_bytes(20, 20, 40, 1, 2), other = random_bytes(20, 20, 40, 1, 3);
  const FeatureMap unread(20, 20, 40, 1);
  FeatureMap one(20, 20, 96, 0), two(20, 20, 96, 0), beside(20, 20, 96, 0);
  const ConvJob alone{.in = &unread, .out = &one, .residual = nullptr, .in_bytes = &in};
  conv.forward(std::span(&alone, 1), Activation::relu);
  const ComputeThreads threads(2);
  const ConvJob both[] = {{.in = &unread, .out = &beside, .residual = nullptr, .in_bytes = &other},
                          {.in = &unread, .out = &two, .residual = nullptr, .in_bytes = &in}};
  conv.forward(both, Activation::relu);
  CHECK(std::memcmp(one.at(0, 0), two.at(0, 0), static_cast<std::size_t>(one.bytes())) == 0);
  CHECK(std::memcmp(one.at(0, 0), beside.at(0, 0), static_cast<std::size_t>(one.bytes())) != 0);
}

TEST_CASE("what a convolution of bytes cannot do is refused") {
  CHECK_FALSE(ByteConv2d::fits({3, 16, 3, 1, 1}));
  CHECK_FALSE(ByteConv2d::fits({4096, 16, 7, 1, 3}));
  CHECK(ByteConv2d::fits({512, 16, 3, 1, 1}));
  CHECK_THROWS_AS(ByteConv2d({3, 4, 1, 1, 0}, round_kernel(std::vector<float>(12, 1.0f), 4), {}, 1.0f), Error);
  CHECK_THROWS_AS(ByteConv2d({4, 4, 1, 1, 0}, round_kernel(std::vector<float>(16, 1.0f), 2), {}, 1.0f), Error);
  std::vector<float> weight(16, 1.0f);
  weight[5] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(round_kernel(weight, 4), Error);
  const ByteConv2d conv({4, 4, 3, 1, 1}, round_kernel(std::vector<float>(144, 1.0f), 4), {}, 1.0f);
  const FeatureMap in(5, 5, 4, 1);
  FeatureMap out(5, 5, 4, 0);
  CHECK_THROWS_AS(conv.forward(in, out, Activation::none), Error);  // no bytes
  const ByteMap bare(5, 5, 4, 0);
  const ConvJob job{.in = &in, .out = &out, .residual = nullptr, .in_bytes = &bare};
  CHECK_THROWS_AS(conv.forward(std::span(&job, 1), Activation::none), Error);  // no border
}

TEST_CASE("pools of bytes are the bytes of pools") {
  ByteMap map(4, 4, 3, 1), out(2, 2, 3, 1);
  for (std::int64_t y = 0; y < 4; ++y)
    for (std::int64_t i = 0; i < 12; ++i) map.at(y, 0)[i] = static_cast<std::uint8_t>((y * 53 + i * 97) % 256);
  max_pool(map, out, 2, 2, 0);
  for (std::int64_t y = 0; y < 2; ++y)
    for (std::int64_t x = 0; x < 2; ++x)
      for (std::int64_t c = 0; c < 3; ++c)
        CHECK(out.at(y, x)[c] == std::max({map.at(2 * y, 2 * x)[c], map.at(2 * y, 2 * x + 1)[c],
                                           map.at(2 * y + 1, 2 * x)[c], map.at(2 * y + 1, 2 * x + 1)[c]}));
}
