#include "compress/gptq.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"

using namespace dynexec;

namespace {

std::vector<float> random_weights(std::int64_t out, std::int64_t in, std::uint64_t seed = 1) {
  RandomStream random(seed, 0, 0, 0);
  std::vector<float> values(static_cast<std::size_t>(out * in));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// Of inputs whose neighbours go together, of very different sizes.
at::Tensor related_moments(std::int64_t in) {
  RandomStream random(7, 0, 0, 0);
  at::Tensor moments = at::zeros({in, in}, at::kDouble);
  for (int sample = 0; sample < 400; ++sample) {
    at::Tensor x = at::empty({in}, at::kDouble);
    double level = 0;
    for (std::int64_t k = 0; k < in; ++k) {
      level = 0.95 * level + 0.3 * random.normal();
      x.mutable_data_ptr<double>()[k] = level * (k % 7 == 0 ? 3 : 1);
    }
    moments.addr_(x, x);
  }
  return moments;
}

// Scales from the smallest to the largest weight, as rounding to the nearest has them.
constexpr GptqOptions kEnds{.fitted_scales = false};

InputMoments only(const at::Tensor& moments) {
  return {.inputs = moments, .drift = {}, .drift_square = {}};
}

// [rows, columns] of normal numbers.
at::Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  return as_matrix(random_weights(rows, columns, seed), rows, columns);
}

}  // namespace

TEST_CASE("inputs that have nothing to do with each other are rounded to the nearest") {
  const std::vector<float> weights = random_weights(12, 200);
  for (const std::string& name : weight_format_names()) {
    const WeightFormat format = weight_format(name);
    if (!format.quantised()) continue;
    INFO(name);
    const StoredMatrix found = gptq(weights, 12, 200, format, at::eye(200, at::kDouble) * 3, kEnds);
    const StoredMatrix wanted = round_to_nearest(weights, 12, 200, format);
    CHECK(found.codes == wanted.codes);
    CHECK(found.scales == wanted.scales);
    CHECK(found.minima == wanted.minima);
  }
}

TEST_CASE("errors are taken up by what comes later: outputs change less than by rounding to the nearest") {
  const std::int64_t out = 16, in = 200;
  const std::vector<float> weights = random_weights(out, in);
  const at::Tensor moments = related_moments(in);
  for (const char* name : {"int8", "int8-g32", "int4-g32", "int4-g64", "int4-g128"}) {
    const WeightFormat format = weight_format(name);
    const double nearest = output_error(weights, round_to_nearest(weights, out, in, format), only(moments));
    const double found = output_error(weights, gptq(weights, out, in, format, moments), only(moments));
    INFO(name, " ", found, " instead of ", nearest);
    CHECK(found < 0.7 * nearest);
    // However the inputs are cut into blocks.
    const StoredMatrix small = gptq(weights, out, in, format, moments, {.block = 32});
    CHECK(output_error(weights, small, only(moments)) == doctest::Approx(found).epsilon(0.05));
  }
}

TEST_CASE("the two inputs that a closed form tells") {
  // One output, two inputs with correlation r: the second weight takes up the first one's error times r.
  const std::vector<float> weights{0.3f, 15.0f};
  const double r = 0.8;
  at::Tensor moments = at::ones({2, 2}, at::kDouble);
  moments[0][1].fill_(r);
  moments[1][0].fill_(r);
  const StoredMatrix found =
      gptq(weights, 1, 2, weight_format("int4-g32"), moments, {.damping = 0, .fitted_scales = false});
  // Codes 0 to 15 from 0.3 to 15: the minimum is kept but for fp16, so both are at the ends of the scale.
  CHECK(found.codes == std::vector<std::int8_t>{0, 15});
  const std::vector<float> three{0, 15, 7.6f};
  at::Tensor related = at::eye(3, at::kDouble);
  related[1][2].fill_(r);
  related[2][1].fill_(r);
  CHECK(gptq(three, 1, 3, weight_format("int4-g32"), related, {.damping = 0, .fitted_scales = false}).codes ==
        std::vector<std::int8_t>{0, 15, 8});
  const std::vector<float> off{0, 15, 6.6f, 7.4f};
  at::Tensor last = at::eye(4, at::kDouble);
  last[2][3].fill_(r);
  last[3][2].fill_(r);
  // 6.6 becomes 7, 0.4 too much; 7.4 - 0.4 * 0.8 = 7.08 still 7, while with r = -0.8 it becomes 7.72, hence 8.
  CHECK(gptq(off, 1, 4, weight_format("int4-g32"), last, {.damping = 0, .fitted_scales = false}).codes ==
        std::vector<std::int8_t>{0, 15, 7, 7});
  last[2][3].fill_(-r);
  last[3][2].fill_(-r);
  CHECK(gptq(off, 1, 4, weight_format("int4-g32"), last, {.damping = 0, .fitted_scales = false}).codes ==
        std::vector<std::int8_t>{0, 15, 7, 8});
}

TEST_CASE("scales that cut off what is rare leave less error than those from end to end") {
  const std::int64_t out = 16, in = 128;
  std::vector<float> weights = random_weights(out, in);
  for (std::size_t i = 0; i < weights.size(); i += 61) weights[i] *= 1.4f;
  const at::Tensor moments = related_moments(in);
  for (const char* name : {"int4-g32", "int4-g64", "int4-g128"}) {
    const WeightFormat format = weight_format(name);
    const double ends = output_error(weights, gptq(weights, out, in, format, moments, kEnds), only(moments));
    const double fitted = output_error(weights, gptq(weights, out, in, format, moments), only(moments));
    INFO(name, " ", fitted, " instead of ", ends);
    CHECK(fitted < 0.95 * ends);
  }
  // int8 has nothing to gain.
  const WeightFormat bytes = weight_format("int8");
  CHECK(gptq(weights, out, in, bytes, moments).codes == gptq(weights, out, in, bytes, moments, kEnds).codes);
}

TEST_CASE("weights make up for a drift of their inputs as least squares have it") {
  const std::int64_t out = 5, in = 12, rows = 300;
  const at::Tensor x = random_matrix(rows, in, 3), map = random_matrix(in, in, 4);
  const std::vector<float> weights = random_weights(out, in, 5);
  const at::Tensor w = as_matrix(weights, out, in);
  InputMoments moments;
  // What the exact network gives is a linear map of what the quantised one gives: it can be made up for in full.
  moments.add(x.narrow(0, 0, 100), x.narrow(0, 0, 100).mm(map));
  moments.add(x.narrow(0, 100, 200), x.narrow(0, 100, 200).mm(map));
  for (const double share : {0.0, 0.5, 1.0}) {
    const at::Tensor wanted = w + (w.mm(map.t()) - w) * share;
    const at::Tensor found = as_matrix(make_up_for_drift(weights, out, in, moments, share, 0), out, in);
    INFO(share);
    CHECK(at::allclose(found, wanted, 1e-5, 1e-5));
  }
  // The error of any matrix is the sum over all rows.
  const StoredMatrix rounded = round_to_nearest(weights, out, in, weight_format("int4-g32"));
  const at::Tensor q = as_matrix(rounded);
  const at::Tensor exact = x.mm(map).mm(w.t());
  CHECK(output_error(weights, rounded, moments) ==
        doctest::Approx((exact - x.mm(q.t())).square().sum().item<double>()).epsilon(1e-9));
  CHECK(output_square(weights, out, in, moments) == doctest::Approx(exact.square().sum().item<double>()).epsilon(1e-9));
  CHECK(output_error(weights, rounded, only(moments.inputs)) ==
        doctest::Approx(x.mm((w - q).t()).square().sum().item<double>()).epsilon(1e-9));
}

TEST_CASE("inputs that were never seen, moments that are broken, formats that are none") {
  const std::vector<float> weights = random_weights(4, 64);
  const at::Tensor unseen = at::zeros({64, 64}, at::kDouble);
  CHECK(as_matrix(gptq(weights, 4, 64, weight_format("int4-g32"), unseen, kEnds))
            .equal(as_matrix(round_to_nearest(weights, 4, 64, weight_format("int4-g32")))));
  at::Tensor broken = at::eye(64, at::kDouble);
  broken[3][3].fill_(NAN);
  CHECK_THROWS_AS(gptq(weights, 4, 64, weight_format("int4-g32"), broken), Error);
  CHECK_THROWS_AS(gptq(weights, 4, 64, weight_format("bf16"), unseen), Error);
  CHECK_THROWS_AS(gptq(weights, 4, 64, weight_format("int8"), at::eye(63, at::kDouble)), Error);
}
