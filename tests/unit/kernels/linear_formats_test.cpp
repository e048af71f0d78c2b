#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "base/error.hpp"
#include "branches.hpp"
#include "kernels/stored_matrix.hpp"

using namespace dynexec;

namespace {

struct Size {
  std::int64_t in, out;
};
constexpr Size kSizes[] = {{1, 1},    {2, 16},   {17, 31},  {31, 64},   {32, 64},   {33, 48},   {64, 65},
                           {65, 100}, {127, 16}, {130, 63}, {200, 129}, {256, 112}, {333, 200}, {768, 97}};

std::vector<float> rows_of(const StoredMatrix& matrix) {
  std::vector<float> values(static_cast<std::size_t>(matrix.out * matrix.in));
  for (std::int64_t n = 0; n < matrix.out; ++n)
    matrix.row(n,
               std::span(values).subspan(static_cast<std::size_t>(n * matrix.in), static_cast<std::size_t>(matrix.in)));
  return values;
}

// The row that products on rounded inputs see.
std::vector<float> seen(const float* x, std::int64_t in, const WeightFormat& format) {
  std::vector<float> values(x, x + in);
  if (!format.rounded_inputs) return values;
  if (format.type == WeightType::bf16) {
    for (float& value : values) value = from_bf16(to_bf16(value));
    return values;
  }
  const std::size_t size = static_cast<std::size_t>(format.group > 0 ? format.group : kActivationGroup);
  for (std::size_t begin = 0; begin < values.size(); begin += size) {
    const std::size_t end = std::min(values.size(), begin + size);
    float largest = 0;
    for (std::size_t k = begin; k < end; ++k) largest = std::max(largest, std::abs(values[k]));
    for (std::size_t k = begin; k < end; ++k) values[k] = std::nearbyint(values[k] * (127 / largest)) * (largest / 127);
  }
  return values;
}

// The product with what the codes stand for, in double precision; and rows alone, bitwise.
void check_product(const Linear& linear, std::int64_t rows,
                   const std::function<double(const float*, std::int64_t)>& wanted) {
  const std::int64_t in = linear.in_features(), out = linear.out_features();
  const std::vector<float> x = random_values(static_cast<std::size_t>(rows * in), 7);
  std::vector<float> y(static_cast<std::size_t>(rows * out), NAN), alone(static_cast<std::size_t>(out), NAN);
  linear.forward(x.data(), y.data(), rows);
  double worst = 0;
  int different = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    linear.forward(x.data() + r * in, alone.data(), 1);
    const std::vector<float> row = seen(x.data() + r * in, in, weight_format(linear.format()));
    different += std::memcmp(alone.data(), y.data() + r * out, static_cast<std::size_t>(out) * sizeof(float)) != 0;
    for (std::int64_t n = 0; n < out; ++n) {
      const double right = wanted(row.data(), n);
      const double error =
          std::abs(static_cast<double>(y[static_cast<std::size_t>(r * out + n)]) - right) / (1 + std::abs(right));
      if (!(error <= worst)) worst = error;
    }
  }
  CHECK(different == 0);
  CHECK(worst <= 4e-6 * std::sqrt(static_cast<double>(in)));
}

double dot(const std::vector<float>& w, const std::vector<float>& bias, std::int64_t n, const float* x,
           std::int64_t in) {
  double sum = bias.empty() ? 0 : static_cast<double>(bias[static_cast<std::size_t>(n)]);
  for (std::int64_t k = 0; k < in; ++k)
    sum += static_cast<double>(w[static_cast<std::size_t>(n * in + k)]) * static_cast<double>(x[k]);
  return sum;
}

}  // namespace

TEST_CASE("products on every weight format are right, and bitwise the same for a row alone") {
  for_each_branch([] {
    for (const std::string& name : weight_format_names())
      for (const Size size : kSizes) {
        const std::vector<float> weight = random_values(static_cast<std::size_t>(size.in * size.out), 1, 0.5);
        const std::vector<float> bias = random_values(static_cast<std::size_t>(size.out), 2);
        const StoredMatrix stored = round_to_nearest(weight, size.out, size.in, weight_format(name));
        const std::vector<float> kept = rows_of(stored);
        const auto linear = make_linear(stored, bias);
        INFO(name, " in ", size.in, " out ", size.out);
        CHECK(linear->format() == name);
        for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 17, 50})
          check_product(*linear, rows, [&](const float* x, std::int64_t n) { return dot(kept, bias, n, x, size.in); });
      }
  });
}

TEST_CASE("gates, activations and residuals work on every weight format") {
  for_each_branch([] {
    for (const std::string& name : weight_format_names())
      for (const Size size : {Size{64, 64}, Size{33, 40}, Size{96, 97}}) {
        const auto count = static_cast<std::size_t>(size.in * size.out);
        const auto gate = round_to_nearest(random_values(count, 3, 0.4), size.out, size.in, weight_format(name));
        const auto up = round_to_nearest(random_values(count, 4, 0.4), size.out, size.in, weight_format(name));
        const std::vector<float> gates = rows_of(gate), ups = rows_of(up);
        const std::vector<float> bias = random_values(static_cast<std::size_t>(size.out), 5);
        const auto linear = make_gated_linear(gate, up, bias, {}, Activation::silu);
        INFO(name, " in ", size.in, " out ", size.out);
        for (const std::int64_t rows : {1, 5, 16})
          check_product(*linear, rows, [&](const float* x, std::int64_t n) {
            const double g = dot(gates, bias, n, x, size.in);
            return g / (1 + std::exp(-g)) * dot(ups, {}, n, x, size.in);
          });
        std::vector<float> row(static_cast<std::size_t>(size.in));
        for (const std::int64_t n : {std::int64_t{0}, size.out - 1}) {
          linear->weight_row(n, row.data());
          CHECK(std::memcmp(row.data(), gates.data() + n * size.in, row.size() * sizeof(float)) == 0);
          linear->weight_row(size.out + n, row.data());
          CHECK(std::memcmp(row.data(), ups.data() + n * size.in, row.size() * sizeof(float)) == 0);
        }
        const std::vector<float> x = random_values(static_cast<std::size_t>(3 * size.in), 6);
        const std::vector<float> base = random_values(static_cast<std::size_t>(3 * size.out), 8);
        std::vector<float> y(base), product(base.size());
        linear->forward_add(x.data(), y.data(), 3);
        linear->forward(x.data(), product.data(), 3);
        for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == base[i] + product[i]);
      }
  });
}

TEST_CASE("products on weight formats do not depend on the number of threads") {
  for (const std::string& name : weight_format_names()) {
    const std::int64_t in = 300, out = 1000, rows = 5;
    const auto linear = make_linear(round_to_nearest(random_values(in * out, 1), out, in, weight_format(name)), {});
    const std::vector<float> x = random_values(rows * in, 3);
    std::vector<float> one(rows * out), many(rows * out, NAN);
    linear->forward(x.data(), one.data(), rows);
    const ComputeThreads scope(3);
    linear->forward(x.data(), many.data(), rows);
    CHECK(many == one);
  }
}

TEST_CASE("rounding to the nearest: half a step at most, and what a format holds is kept") {
  const std::vector<float> weights = random_values(8 * 200, 1, 0.3);
  for (const std::string& name : weight_format_names()) {
    const WeightFormat format = weight_format(name);
    const StoredMatrix stored = round_to_nearest(weights, 8, 200, format);
    const std::vector<float> kept = rows_of(stored);
    INFO(name);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      double most = 0;
      if (format.type == WeightType::bf16) most = std::abs(weights[i]) / 256;
      if (format.type == WeightType::fp16) most = std::abs(weights[i]) / 2048 + 3e-8;
      if (format.quantised()) {
        const std::size_t size = format.group > 0 ? static_cast<std::size_t>(format.group) : 200;
        const std::size_t group = i / 200 * static_cast<std::size_t>(stored.groups()) + i % 200 / size;
        // The scale and the minimum are rounded to fp16, the last code may lie that much off.
        most = static_cast<double>(stored.scales[group]) * 0.5 + 1e-3;
      }
      CHECK(std::abs(static_cast<double>(kept[i]) - static_cast<double>(weights[i])) <= most);
    }
    // What was rounded once stays.
    CHECK(rows_of(round_to_nearest(kept, 8, 200, format)).size() == kept.size());
    if (!format.quantised()) CHECK(rows_of(round_to_nearest(kept, 8, 200, format)) == kept);
  }
  const StoredMatrix zeros = round_to_nearest(std::vector<float>(64), 1, 64, weight_format("int4-g32"));
  CHECK(rows_of(zeros) == std::vector<float>(64));
  const std::vector<float> large(64, 3e38f);
  CHECK_THROWS_AS(round_to_nearest(large, 1, 64, weight_format("int4-g32")), Error);
  CHECK_NOTHROW(round_to_nearest(large, 1, 64, weight_format("int8")));
}

TEST_CASE("products on rounded inputs keep what is not finite, and rows of nothing") {
  for_each_branch([] {
    for (const std::string& name : weight_format_names()) {
      const WeightFormat format = weight_format(name);
      if (!format.rounded_inputs) continue;
      const std::int64_t in = 150, out = 40;
      const auto linear = make_linear(round_to_nearest(random_values(in * out, 1), out, in, format), {});
      std::vector<float> x(static_cast<std::size_t>(2 * in), 0), y(static_cast<std::size_t>(2 * out), NAN);
      linear->forward(x.data(), y.data(), 2);
      CHECK(y == std::vector<float>(y.size(), 0));
      INFO(name);
      for (const float bad : {NAN, INFINITY, -INFINITY})
        for (const std::int64_t at : {0, 77, 149}) {
          std::fill(x.begin(), x.end(), 1.0f);
          x[static_cast<std::size_t>(at)] = bad;
          linear->forward(x.data(), y.data(), 2);
          CHECK(std::none_of(y.begin(), y.begin() + out, [](float v) { return std::isfinite(v); }));
          CHECK(std::all_of(y.begin() + out, y.end(), [](float v) { return std::isfinite(v); }));
        }
    }
  });
}

TEST_CASE("weight formats are told by name, and what they take") {
  for (const std::string& name : weight_format_names()) CHECK(weight_format(name).name() == name);
  CHECK_THROWS_AS(weight_format("int5"), Error);
  CHECK(weight_format("int4-g64").bits_per_weight(768) == 4.5);
  CHECK(weight_format("int8-g32").bits_per_weight(768) == 8.5);
  CHECK(weight_format("bf16").bits_per_weight(768) == 16);
  for (const std::string& name : weight_format_names()) {
    const auto linear = make_linear(round_to_nearest(random_values(768 * 128, 1), 128, 768, weight_format(name)), {});
    INFO(name);
    CHECK(static_cast<double>(linear->weight_bytes()) == 768 * 128 * weight_format(name).bits_per_weight(768) / 8);
  }
  StoredMatrix cut = round_to_nearest(random_values(64 * 4, 1), 4, 64, weight_format("int4-g32"));
  cut.minima.pop_back();
  CHECK_THROWS_AS(make_linear(cut, {}), Error);
}

TEST_CASE("rows of matrices are put below one another") {
  for (const std::string& name : weight_format_names()) {
    const std::vector<float> all = random_values(5 * 70, 1);
    StoredMatrix whole = round_to_nearest(all, 5, 70, weight_format(name));
    StoredMatrix above = round_to_nearest(std::span(all).first(2 * 70), 2, 70, weight_format(name));
    above.append(round_to_nearest(std::span(all).subspan(2 * 70), 3, 70, weight_format(name)));
    CHECK(above.out == 5);
    CHECK(rows_of(above) == rows_of(whole));
  }
}

TEST_CASE("every half and bfloat number is read as it is, in every branch") {
  for_each_branch([] {
    for (const WeightType type : {WeightType::fp16, WeightType::bf16}) {
      StoredMatrix all{.format = {type, 0}, .out = 1 << 16, .in = 1};
      for (int bits = 0; bits < 1 << 16; ++bits) all.halves.push_back(static_cast<std::uint16_t>(bits));
      const std::vector<float> wanted = rows_of(all);
      const auto linear = make_linear(all, {});
      const float one = 1;
      std::vector<float> y(1 << 16);
      linear->forward(&one, y.data(), 1);
      int wrong = 0;
      for (std::size_t i = 0; i < y.size(); ++i) wrong += std::isnan(wanted[i]) ? !std::isnan(y[i]) : y[i] != wanted[i];
      CHECK(wrong == 0);
    }
  });
}
