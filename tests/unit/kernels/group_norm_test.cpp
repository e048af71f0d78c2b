#include "kernels/group_norm.hpp"

#include <cmath>
#include <cstring>

#include "branches.hpp"

using namespace dynexec;

namespace {

constexpr double kEpsilon = 1e-5;

double logistic(double z) {
  return 1 / (1 + std::exp(-z));
}

double at(const std::vector<float>& values, std::int64_t index) {
  return static_cast<double>(values[static_cast<std::size_t>(index)]);
}

std::uint16_t bf16_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float of_bf16(std::uint16_t half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::vector<std::uint16_t> halves_of(const std::vector<float>& values) {
  std::vector<std::uint16_t> halves;
  for (const float value : values) halves.push_back(bf16_of(value));
  return halves;
}

struct Case {
  GroupNormShape shape;
  std::vector<float> x, weight, bias, gradient;

  explicit Case(const GroupNormShape& s) : shape(s) {
    const auto count = static_cast<std::size_t>(s.images * s.places * s.channels);
    const auto channels = static_cast<std::size_t>(s.channels);
    x = random_values(count, 1, 2);
    for (float& value : x) value += 3;
    weight = random_values(channels, 2);
    bias = random_values(channels, 3);
    gradient = random_values(count, 4);
  }

  // The output in double precision, of other inputs than x where some are given.
  std::vector<double> expected(bool silu, const std::vector<float>& values) const {
    const std::int64_t width = shape.channels / shape.groups;
    std::vector<double> out(values.size());
    for (std::int64_t i = 0; i < shape.images; ++i)
      for (std::int64_t g = 0; g < shape.groups; ++g) {
        const auto each = [&](auto f) {
          for (std::int64_t p = 0; p < shape.places; ++p)
            for (std::int64_t c = g * width; c < (g + 1) * width; ++c)
              f((i * shape.places + p) * shape.channels + c, c);
        };
        const double count = static_cast<double>(shape.places * width);
        double mean = 0, variance = 0;
        each([&](std::int64_t k, std::int64_t) { mean += at(values, k) / count; });
        each(
            [&](std::int64_t k, std::int64_t) { variance += (at(values, k) - mean) * (at(values, k) - mean) / count; });
        each([&](std::int64_t k, std::int64_t c) {
          const double z = (at(values, k) - mean) / std::sqrt(variance + kEpsilon) * at(weight, c) + at(bias, c);
          out[static_cast<std::size_t>(k)] = silu ? z * logistic(z) : z;
        });
      }
    return out;
  }

  double weighted(bool silu, const std::vector<float>& values) const {
    const std::vector<double> out = expected(silu, values);
    double sum = 0;
    for (std::size_t k = 0; k < out.size(); ++k) sum += out[k] * static_cast<double>(gradient[k]);
    return sum;
  }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::int64_t channels : std::initializer_list<std::int64_t>{4, 16, 48, 70})
    for (const std::int64_t groups : std::initializer_list<std::int64_t>{1, 2})
      all.emplace_back(GroupNormShape{2, channels == 16 ? 130 : 9, channels, groups});
  return all;
}

}  // namespace

TEST_CASE("normalised groups against the formula in double precision, in every branch") {
  for_each_branch([] {
    for (const Case& test : cases())
      for (const bool silu : {false, true}) {
        std::vector<float> out(test.x.size());
        group_norm(test.x.data(), test.shape, test.weight.data(), test.bias.data(), kEpsilon, silu, out.data(),
                   nullptr);
        const std::vector<double> wanted = test.expected(silu, test.x);
        for (std::size_t k = 0; k < out.size(); ++k)
          CHECK(std::abs(static_cast<double>(out[k]) - wanted[k]) < 2e-5 * (1 + std::abs(wanted[k])));

        std::vector<std::uint16_t> halves = halves_of(test.x);
        std::vector<float> rounded;
        for (const std::uint16_t half : halves) rounded.push_back(of_bf16(half));
        group_norm(halves.data(), test.shape, test.weight.data(), test.bias.data(), kEpsilon, silu, halves.data(),
                   nullptr);
        const std::vector<double> coarse = test.expected(silu, rounded);
        for (std::size_t k = 0; k < halves.size(); ++k)
          CHECK(std::abs(static_cast<double>(of_bf16(halves[k])) - coarse[k]) < 4e-3 * (0.1 + std::abs(coarse[k])));
      }
  });
}

TEST_CASE("gradients of normalised groups against differences, in every branch") {
  for_each_branch([] {
    for (const Case& test : cases())
      for (const bool silu : {false, true}) {
        std::vector<float> out(test.x.size()), found(test.x.size());
        std::vector<float> moments(static_cast<std::size_t>(2 * test.shape.images * test.shape.groups));
        const auto channels = static_cast<std::size_t>(test.shape.channels);
        std::vector<float> of_weight(channels, 1.0f), of_bias(channels, 1.0f);
        group_norm(test.x.data(), test.shape, test.weight.data(), test.bias.data(), kEpsilon, silu, out.data(),
                   moments.data());
        group_norm_gradient(test.x.data(), test.gradient.data(), test.shape, test.weight.data(), test.bias.data(),
                            moments.data(), silu, found.data(), of_weight.data(), of_bias.data());
        const double step = 1e-2;
        const auto slope = [&](Case& moved, float& value) {
          const float before = value;
          value = before + static_cast<float>(step);
          const double above = moved.weighted(silu, moved.x);
          value = before - static_cast<float>(step);
          const double below = moved.weighted(silu, moved.x);
          value = before;
          return (above - below) / (2 * step);
        };
        Case moved = test;
        for (std::size_t k = 0; k < test.x.size(); k += 1 + test.x.size() / 7)
          CHECK(std::abs(static_cast<double>(found[k]) - slope(moved, moved.x[k])) < 2e-3);
        for (const std::size_t c : {std::size_t{0}, channels - 1}) {
          // Added to what was there.
          CHECK(std::abs(static_cast<double>(of_weight[c]) - 1 - slope(moved, moved.weight[c])) < 5e-3);
          CHECK(std::abs(static_cast<double>(of_bias[c]) - 1 - slope(moved, moved.bias[c])) < 5e-3);
        }
      }
  });
}

TEST_CASE("normalised groups and their gradients do not depend on the number of threads") {
  const Case test(GroupNormShape{5, 6, 20, 4});
  const auto run = [&] {
    std::vector<float> out(test.x.size()), moments(40), found(test.x.size()), of_weight(20), of_bias(20);
    group_norm(test.x.data(), test.shape, test.weight.data(), test.bias.data(), kEpsilon, true, out.data(),
               moments.data());
    group_norm_gradient(test.x.data(), test.gradient.data(), test.shape, test.weight.data(), test.bias.data(),
                        moments.data(), true, found.data(), of_weight.data(), of_bias.data());
    out.insert(out.end(), found.begin(), found.end());
    out.insert(out.end(), of_weight.begin(), of_weight.end());
    return out;
  };
  const std::vector<float> one = run();
  const ComputeThreads three(3);
  CHECK(run() == one);
}
