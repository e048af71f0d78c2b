// Products of bf16 rows with bf16 weights, beyond what linear_formats_test.cpp says of all formats.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "branches.hpp"
#include "kernels/stored_matrix.hpp"

using namespace dynexec;

namespace {

constexpr std::int64_t kInputs[] = {1, 2, 3, 16, 31, 64, 129, 256, 301, 768};
constexpr std::int64_t kOut = 83;  // fills no panel

const WeightFormat& format() {
  static const WeightFormat pairs = weight_format("bf16-a16");
  return pairs;
}

std::size_t size_of(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows * columns);
}

std::vector<float> rounded(std::vector<float> values) {
  for (float& value : values) value = from_bf16(to_bf16(value));
  return values;
}

std::vector<float> whole_numbers(std::size_t count, std::uint64_t seed) {
  std::vector<float> values = random_values(count, seed, 6);
  for (float& value : values) value = std::nearbyint(value);
  return values;
}

// The sum of products w[n, k] x[k], and of their absolute values.
struct Sums {
  double sum = 0, absolute = 0;
};
Sums sums_of(const float* w, const float* x, std::int64_t in) {
  Sums sums;
  for (std::int64_t k = 0; k < in; ++k) {
    const double product = static_cast<double>(w[k]) * static_cast<double>(x[k]);
    sums.sum += product;
    sums.absolute += std::abs(product);
  }
  return sums;
}

// What bf16 holds of x: linear of one input and one weight.
std::vector<float> through_one_weight(const std::vector<float>& x) {
  const auto linear = make_linear(round_to_nearest(std::vector<float>{1}, 1, 1, format()), {});
  std::vector<float> y(x.size());
  linear->forward(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  return y;
}

}  // namespace

TEST_CASE("products of pairs differ from those of the rounded numbers by the rounding of fp32 sums alone") {
  for_each_branch([] {
    for (const std::int64_t in : kInputs) {
      const std::vector<float> gates = random_values(size_of(kOut, in), 1), ups = random_values(size_of(kOut, in), 2);
      const auto plain = make_linear(round_to_nearest(gates, kOut, in, format()), {});
      const auto gated = make_gated_linear(round_to_nearest(gates, kOut, in, format()),
                                           round_to_nearest(ups, kOut, in, format()), {}, {}, Activation::none);
      const std::vector<float> gate = rounded(gates), up = rounded(ups);
      for (std::int64_t rows = 1; rows <= 17; ++rows) {
        const std::vector<float> x = random_values(size_of(rows, in), 3), seen = rounded(x);
        std::vector<float> y(size_of(rows, kOut), NAN), both(y);
        plain->forward(x.data(), y.data(), rows);
        gated->forward(x.data(), both.data(), rows);
        double worst = 0, worst_gated = 0;  // in units of what sqrt(in) roundings of the largest sum make
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t n = 0; n < kOut; ++n) {
            const Sums g = sums_of(gate.data() + n * in, seen.data() + r * in, in);
            const Sums u = sums_of(up.data() + n * in, seen.data() + r * in, in);
            const std::size_t at = size_of(r, kOut) + static_cast<std::size_t>(n);
            const double unit = std::ldexp(std::sqrt(static_cast<double>(in)), -23);
            const double error = std::abs(static_cast<double>(y[at]) - g.sum) / (unit * g.absolute);
            const double error_gated =
                std::abs(static_cast<double>(both[at]) - g.sum * u.sum) / (2 * unit * g.absolute * u.absolute);
            if (!(error <= worst)) worst = error;
            if (!(error_gated <= worst_gated)) worst_gated = error_gated;
          }
        CAPTURE(in);
        CAPTURE(rows);
        CHECK(worst <= 1);
        CHECK(worst_gated <= 1);
      }
    }
  });
}

TEST_CASE("pairs of whole numbers are multiplied exactly") {
  for_each_branch([] {
    for (const std::int64_t in : kInputs) {
      const std::vector<float> weight = whole_numbers(size_of(kOut, in), 1);
      const auto linear = make_linear(round_to_nearest(weight, kOut, in, format()), {});
      for (std::int64_t rows = 1; rows <= 17; ++rows) {
        const std::vector<float> x = whole_numbers(size_of(rows, in), 2);
        std::vector<float> y(size_of(rows, kOut), NAN), added(y.size(), 3);
        linear->forward(x.data(), y.data(), rows);
        linear->forward_add(x.data(), added.data(), rows);
        int wrong = 0;
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t n = 0; n < kOut; ++n) {
            const double right = sums_of(weight.data() + n * in, x.data() + r * in, in).sum;
            const std::size_t at = size_of(r, kOut) + static_cast<std::size_t>(n);
            wrong += static_cast<double>(y[at]) != right || static_cast<double>(added[at]) != right + 3;
          }
        CAPTURE(in);
        CAPTURE(rows);
        CHECK(wrong == 0);
      }
    }
  });
}

TEST_CASE("inputs become the nearest bf16, ties the even one, and what is not finite stays so") {
  for_each_branch([] {
    // Around every bf16 of normal size: itself, the ties on both sides, and their neighbours.
    std::vector<float> x;
    for (std::uint32_t high = 0x0080; high < 0x7f80; high += 7)
      for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
        for (const std::uint32_t sign : {0u, 0x80000000u}) x.push_back(std::bit_cast<float>(sign | high << 16 | low));
    for (const std::uint32_t bits : {0x7f7fffffu, 0xff7fffffu, 0x7f800000u, 0xff800000u, 0u})
      x.push_back(std::bit_cast<float>(bits));
    CHECK(through_one_weight(x) == rounded(x));
    std::vector<float> nans;
    for (const std::uint32_t bits : {0x7f800001u, 0x7f80ffffu, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu})
      nans.push_back(std::bit_cast<float>(bits));
    const std::vector<float> y = through_one_weight(nans);
    CHECK(std::all_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
  });
}

TEST_CASE("the rows of a bf16-a16 linear are the weights of a bf16 one") {
  for (const std::int64_t in : kInputs) {
    const std::vector<float> weight = random_values(size_of(kOut, in), 1);
    const auto linear = make_linear(round_to_nearest(weight, kOut, in, format()), {});
    const std::vector<float> kept = rounded(weight);
    std::vector<float> row(static_cast<std::size_t>(in));
    for (std::int64_t n = 0; n < kOut; ++n) {
      linear->weight_row(n, row.data());
      CHECK(std::memcmp(row.data(), kept.data() + n * in, row.size() * sizeof(float)) == 0);
    }
  }
}
