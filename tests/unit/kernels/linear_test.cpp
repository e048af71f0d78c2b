#include <cmath>
#include <cstring>
#include <functional>

#include "base/error.hpp"
#include "branches.hpp"

using namespace dynexec;

namespace {

struct Size {
  std::int64_t in, out;
};
constexpr Size kSizes[] = {{1, 1},   {3, 5},    {16, 16},   {17, 31},  {64, 64},   {65, 63},
                           {70, 96}, {64, 129}, {129, 200}, {200, 47}, {333, 112}, {768, 321}};

double activation(Activation kind, double x) {
  switch (kind) {
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::tanh:
      return std::tanh(x);
    case Activation::none:
      return x;
  }
  return 0;
}

double dot(const std::vector<float>& w, const std::vector<float>& bias, std::int64_t n, const float* x,
           std::int64_t in) {
  double sum = bias.empty() ? 0 : static_cast<double>(bias[static_cast<std::size_t>(n)]);
  for (std::int64_t k = 0; k < in; ++k) {
    sum += static_cast<double>(w[static_cast<std::size_t>(n * in + k)]) * static_cast<double>(x[k]);
  }
  return sum;
}

// Compares with `wanted(row, column)` and every row bitwise with the same row alone.
void check_linear(const Linear& linear, std::int64_t rows,
                  const std::function<double(const float*, std::int64_t)>& wanted) {
  const std::int64_t in = linear.in_features(), out = linear.out_features();
  const std::vector<float> x = random_values(static_cast<std::size_t>(rows * in), 7);
  std::vector<float> y(static_cast<std::size_t>(rows * out), NAN), alone(static_cast<std::size_t>(out), NAN);
  linear.forward(x.data(), y.data(), rows);
  double worst = 0;
  int different = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    linear.forward(x.data() + r * in, alone.data(), 1);
    different += std::memcmp(alone.data(), y.data() + r * out, static_cast<std::size_t>(out) * sizeof(float)) != 0;
    for (std::int64_t n = 0; n < out; ++n) {
      const double right = wanted(x.data() + r * in, n);
      const double difference = static_cast<double>(y[static_cast<std::size_t>(r * out + n)]) - right;
      const double error = std::abs(difference) / (1 + std::abs(right));
      if (!(error <= worst)) worst = error;
    }
  }
  CHECK(different == 0);
  CHECK(worst <= 2e-6 * std::sqrt(static_cast<double>(in)));
}

}  // namespace

TEST_CASE("a product is right, and bitwise the same for a row alone, for 1 to 16 rows and beyond") {
  for_each_branch([] {
    for (const Size size : kSizes) {
      const std::vector<float> weight = random_values(static_cast<std::size_t>(size.in * size.out), 1, 0.5);
      for (const bool with_bias : {false, true}) {
        const std::vector<float> bias =
            with_bias ? random_values(static_cast<std::size_t>(size.out), 2) : std::vector<float>{};
        const std::unique_ptr<Linear> linear = make_linear_fp32(weight, bias, size.in, size.out);
        INFO("in ", size.in, " out ", size.out, " bias ", with_bias);
        for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 50, 97}) {
          INFO("rows ", rows);
          check_linear(*linear, rows, [&](const float* x, std::int64_t n) { return dot(weight, bias, n, x, size.in); });
        }
      }
    }
  });
}

TEST_CASE("activations and gates are applied inside the product") {
  for_each_branch([] {
    for (const Activation kind : {Activation::none, Activation::silu, Activation::gelu, Activation::gelu_tanh,
                                  Activation::relu, Activation::tanh}) {
      for (const Size size : {Size{64, 64}, Size{33, 40}, Size{20, 97}}) {
        const auto count = static_cast<std::size_t>(size.in * size.out);
        const std::vector<float> gate = random_values(count, 3, 0.4), up = random_values(count, 4, 0.4);
        const std::vector<float> gate_bias = random_values(static_cast<std::size_t>(size.out), 5);
        const std::vector<float> up_bias = random_values(static_cast<std::size_t>(size.out), 6);
        const auto plain = make_linear_fp32(gate, gate_bias, size.in, size.out, kind);
        const auto gated = make_gated_linear_fp32(gate, up, gate_bias, up_bias, size.in, size.out, kind);
        const auto unbiased = make_gated_linear_fp32(gate, up, {}, {}, size.in, size.out, kind);
        INFO("activation ", static_cast<int>(kind), " in ", size.in, " out ", size.out);
        for (const std::int64_t rows : {1, 5, 16, 23}) {
          check_linear(*plain, rows, [&](const float* x, std::int64_t n) {
            return activation(kind, dot(gate, gate_bias, n, x, size.in));
          });
          check_linear(*gated, rows, [&](const float* x, std::int64_t n) {
            return activation(kind, dot(gate, gate_bias, n, x, size.in)) * dot(up, up_bias, n, x, size.in);
          });
          check_linear(*unbiased, rows, [&](const float* x, std::int64_t n) {
            return activation(kind, dot(gate, {}, n, x, size.in)) * dot(up, {}, n, x, size.in);
          });
        }
      }
    }
  });
}

TEST_CASE("the hyperbolic tangent is right from the smallest to the largest values") {
  for_each_branch([] {
    const auto linear = make_linear_fp32({1}, {}, 1, 1, Activation::tanh);
    for (const float size : {0.0f, 1e-30f, 1e-4f, 0.1f, 0.62f, 0.63f, 1.0f, 5.0f, 20.0f, 1e4f, 3e38f, INFINITY})
      for (const float x : {size, -size}) {
        float y = NAN;
        linear->forward(&x, &y, 1);
        const double wanted = std::tanh(static_cast<double>(x));
        INFO("x ", x, " y ", y);
        CHECK(std::abs(static_cast<double>(y) - wanted) <= 4e-7 * std::abs(wanted));
      }
    const float nothing = NAN;
    float y = 0;
    linear->forward(&nothing, &y, 1);
    CHECK(std::isnan(y));
  });
}

TEST_CASE("the residual form adds to what is there") {
  for_each_branch([] {
    const std::int64_t in = 50, out = 75, rows = 9;
    const auto linear = make_linear_fp32(random_values(in * out, 1), random_values(out, 2), in, out);
    const std::vector<float> x = random_values(rows * in, 3), base = random_values(rows * out, 4);
    std::vector<float> y(base), product(base.size());
    linear->forward_add(x.data(), y.data(), rows);
    linear->forward(x.data(), product.data(), rows);
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == base[i] + product[i]);
  });
}

TEST_CASE("the result does not depend on the number of threads") {
  const std::int64_t in = 300, out = 1000, rows = 5;
  const auto linear = make_linear_fp32(random_values(in * out, 1), {}, in, out);
  const std::vector<float> x = random_values(rows * in, 3);
  std::vector<float> one(rows * out);
  linear->forward(x.data(), one.data(), rows);
  for (const int threads : {2, 3, 5}) {
    const ComputeThreads scope(threads);
    std::vector<float> many(rows * out, NAN);
    linear->forward(x.data(), many.data(), rows);
    CHECK(many == one);
  }
}

TEST_CASE("rows of the weight can be read back from every layout") {
  for (const Size size : kSizes) {
    const auto count = static_cast<std::size_t>(size.in * size.out);
    const std::vector<float> first = random_values(count, 1), second = random_values(count, 2);
    const auto plain = make_linear_fp32(first, {}, size.in, size.out);
    const auto gated = make_gated_linear_fp32(first, second, {}, {}, size.in, size.out, Activation::silu);
    std::vector<float> row(static_cast<std::size_t>(size.in));
    const auto same = [&](const std::vector<float>& source, std::int64_t n) {
      return std::memcmp(row.data(), source.data() + n * size.in, row.size() * sizeof(float)) == 0;
    };
    for (std::int64_t n = 0; n < size.out; ++n) {
      plain->weight_row(n, row.data());
      CHECK(same(first, n));
      gated->weight_row(n, row.data());
      CHECK(same(first, n));
      gated->weight_row(size.out + n, row.data());
      CHECK(same(second, n));
    }
  }
}

TEST_CASE("sizes, formats and costs are told") {
  const auto linear = make_linear_fp32(random_values(64 * 128, 1), {}, 64, 128);
  CHECK(linear->in_features() == 64);
  CHECK(linear->out_features() == 128);
  CHECK(linear->format() == "fp32");
  CHECK(linear->weight_bytes() == 64 * 128 * 4);
  CHECK(linear->macs_per_row() == 64.0 * 128.0);
  CHECK_THROWS_AS(make_linear_fp32(std::vector<float>(10), {}, 3, 4), Error);
  CHECK_THROWS_AS(make_linear_fp32(std::vector<float>(12), std::vector<float>(3), 3, 4), Error);
  CHECK_THROWS_AS(make_linear_fp32({}, {}, 0, 0), Error);
}

TEST_CASE("branches are selected by name") {
  const std::vector<std::string> names = kernel_branches();
  REQUIRE(!names.empty());
  CHECK(names.back() == "portable");
  CHECK(active_kernel_branch() == names.front());
  CHECK_THROWS_AS(select_kernel_branch("sse9"), Error);
  CHECK(active_kernel_branch() == names.front());
}
