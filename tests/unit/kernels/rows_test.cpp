#include <cmath>
#include <limits>

#include "branches.hpp"
#include "kernels/branch.hpp"

using namespace dynexec;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

double relative_error(float found, double wanted) {
  return std::abs(static_cast<double>(found) - wanted) / std::max(std::abs(wanted), 1e-30);
}

}  // namespace

TEST_CASE("the exponential is accurate to 2e-7 over its whole range") {
  for_each_branch([] {
    std::vector<float> x, out;
    for (double v = -87.3; v < 88.7; v += 0.00317) x.push_back(static_cast<float>(v));
    out.resize(x.size());
    kernel_branch().exp_sum(x.data(), static_cast<std::int64_t>(x.size()), 0, 1, out.data());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, relative_error(out[i], std::exp(static_cast<double>(x[i]))));
    }
    CHECK(worst < 2e-7);
  });
}

TEST_CASE("the exponential at its limits") {
  for_each_branch([] {
    const std::vector<float> x = {-kInfinity, -1000, -88, 0, 89, 1000, kInfinity, NAN};
    std::vector<float> out(x.size());
    kernel_branch().exp_sum(x.data(), static_cast<std::int64_t>(x.size()), 0, 1, out.data());
    CHECK(out[0] == 0);
    CHECK(out[1] == 0);
    CHECK(out[2] == 0);
    CHECK(out[3] == 1);
    CHECK(out[4] == kInfinity);
    CHECK(out[5] == kInfinity);
    CHECK(out[6] == kInfinity);
    CHECK(std::isnan(out[7]));
  });
}

TEST_CASE("sums of every length: exponentials with shift and factor, plain, weighted") {
  for_each_branch([] {
    for (const std::size_t size :
         std::initializer_list<std::size_t>{1, 15, 16, 63, 64, 65, 133, 511, 512, 513, 2000, 32001}) {
      const auto length = static_cast<std::int64_t>(size);
      const std::vector<float> x = random_values(size, 1, 5), w = random_values(size, 2);
      std::vector<float> out(size);
      double exponentials = 0, plain = 0, weighted = 0, scale = 1;
      for (std::size_t i = 0; i < size; ++i) {
        const double value = static_cast<double>(x[i]), weight = static_cast<double>(w[i]);
        exponentials += std::exp((value - 4) * 0.7);
        plain += value;
        weighted += weight * (value - 1.5);
        scale += std::abs(value) + std::abs(weight * (value - 1.5));
      }
      INFO("size ", size);
      CHECK(kernel_branch().exp_sum(x.data(), length, 4.0f, 0.7f, out.data()) ==
            doctest::Approx(exponentials).epsilon(2e-6));
      CHECK(std::abs(kernel_branch().sum(x.data(), length) - plain) < 1e-6 * scale);
      CHECK(std::abs(kernel_branch().weighted_sum(w.data(), x.data(), length, 1.5f) - weighted) < 1e-6 * scale);
    }
  });
}

TEST_CASE("norms of every length match their definition") {
  for_each_branch([] {
    for (const std::int64_t size : {1, 2, 7, 8, 15, 16, 17, 31, 64, 100, 288, 769}) {
      const auto count = static_cast<std::size_t>(size);
      const std::vector<float> x = random_values(count, 1, 3), w = random_values(count, 2), b = random_values(count, 3);
      double squares = 0, sum = 0, deviation = 0;
      for (const float v : x) {
        squares += static_cast<double>(v) * static_cast<double>(v);
        sum += static_cast<double>(v);
      }
      const double n = static_cast<double>(size), mean = sum / n;
      for (const float v : x) deviation += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
      std::vector<float> rms(count), layer(count), in_place(x);
      kernel_branch().rms_norm(x.data(), w.data(), size, 1e-5f, rms.data());
      kernel_branch().layer_norm(x.data(), w.data(), b.data(), size, 1e-5f, layer.data());
      kernel_branch().rms_norm(in_place.data(), w.data(), size, 1e-5f, in_place.data());
      INFO("size ", size);
      CHECK(in_place == rms);
      for (std::size_t i = 0; i < count; ++i) {
        const double value = static_cast<double>(x[i]), weight = static_cast<double>(w[i]);
        CHECK(static_cast<double>(rms[i]) ==
              doctest::Approx(value / std::sqrt(squares / n + 1e-5) * weight).epsilon(1e-5));
        const double normal = (value - mean) / std::sqrt(deviation / n + 1e-5) * weight + static_cast<double>(b[i]);
        CHECK(std::abs(static_cast<double>(layer[i]) - normal) < 2e-5);
      }
    }
  });
}

TEST_CASE("rotation turns pairs by their angle") {
  for_each_branch([] {
    for (const int half : {1, 4, 8, 13, 16, 32, 68}) {
      const auto count = static_cast<std::size_t>(half);
      const std::vector<float> before = random_values(2 * count, 1), angles = random_values(count, 2, 2);
      std::vector<float> cosine(count), sine(count), x(before);
      for (std::size_t i = 0; i < count; ++i) {
        cosine[i] = std::cos(angles[i]);
        sine[i] = std::sin(angles[i]);
      }
      kernel_branch().rotate_half(x.data(), cosine.data(), sine.data(), half);
      for (std::size_t i = 0; i < count; ++i) {
        CHECK(std::abs(x[i] - (before[i] * cosine[i] - before[i + count] * sine[i])) < 1e-6f);
        CHECK(std::abs(x[i + count] - (before[i + count] * cosine[i] + before[i] * sine[i])) < 1e-6f);
      }
    }
  });
}

TEST_CASE("maximum and finiteness of every length, with the odd one at every place") {
  for_each_branch([] {
    for (const std::size_t size : std::initializer_list<std::size_t>{1, 3, 8, 16, 17, 40, 65}) {
      std::vector<float> x = random_values(size, 1);
      const auto length = static_cast<std::int64_t>(size);
      CHECK(kernel_branch().all_finite(x.data(), length));
      for (std::size_t i = 0; i < size; ++i) {
        const float kept = x[i];
        x[i] = 1000;
        CHECK(kernel_branch().maximum(x.data(), length) == 1000);
        for (const float bad : {kInfinity, -kInfinity, static_cast<float>(NAN)}) {
          x[i] = bad;
          CHECK(!kernel_branch().all_finite(x.data(), length));
        }
        x[i] = kept;
      }
    }
  });
}
