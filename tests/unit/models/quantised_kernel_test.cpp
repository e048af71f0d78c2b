#include "models/diffusion/quantised_kernel.hpp"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>

#include "models/diffusion/observing_kernel.hpp"

using namespace dynexec;

namespace {

at::Tensor waves(const std::vector<std::int64_t>& shape, double step) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return at::arange(0, count, at::kFloat).mul(step).sin().view(shape);
}

at::Tensor innermost(const at::Tensor& map) {
  return map.contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor plain(const diffusers::Conv& layer, const at::Tensor& weight, const at::Tensor& x) {
  return at::conv2d(x, weight, layer.bias, layer.stride, layer.padding);
}

double relative(const at::Tensor& found, const at::Tensor& wanted) {
  return ((found - wanted).norm() / wanted.norm()).item<double>();
}

// As calibration on these inputs leaves it.
diffusers::ActivationRange range_of(const at::Tensor& x) {
  diffusers::ActivationRange range;
  diffusers::Cost cost;
  const diffusers::Conv layer{at::Tensor(), at::zeros({2}), 1, 0, nullptr};
  diffusers::ObservingKernel(at::zeros({2, x.size(1), 1, 1}), range).apply(layer, x, cost);
  return range;
}

diffusers::Conv quantised(const at::Tensor& weight, const diffusers::ActivationRange& range) {
  return {at::Tensor(), waves({weight.size(0)}, 3), 1, 1,
          std::make_shared<diffusers::QuantisedKernel>(diffusers::quantise_conv(weight, range))};
}

}  // namespace

TEST_CASE("a convolution of bytes is exact where inputs and weights are whole steps of their scales") {
  const c10::InferenceMode guard;
  const std::int32_t highest = highest_exact_byte();
  const ByteCode code = byte_code(-1, 1, highest);
  const at::Tensor steps = at::arange(0, 24 * 20 * 9, at::kLong).mul(7).remainder(255).sub(127).view({24, 20, 3, 3});
  steps.select(3, 0).select(2, 0).fill_(127);
  const at::Tensor weight = steps.to(at::kFloat) / 127.0;
  // Every input channel's largest weight is that of its inputs, so that none is scaled.
  REQUIRE(at::equal(weight.abs().amax({0, 2, 3}), at::ones({20})));
  REQUIRE(at::equal(weight.abs().amax({1, 2, 3}), at::ones({24})));
  for (const std::int64_t stride : {1, 2}) {
    for (const std::int64_t padding : {0, 1}) {
      diffusers::Conv layer = quantised(weight, {std::vector<float>(20, -1), std::vector<float>(20, 1)});
      layer.stride = stride;
      layer.padding = padding;
      for (const std::int64_t size : {8, 5, 16}) {
        const at::Tensor codes = at::arange(0, 2 * 20 * size * size, at::kLong).mul(11).remainder(highest + 1);
        const at::Tensor whole = (codes - code.zero).view({2, 20, size, size});
        const at::Tensor x = innermost(whole.to(at::kFloat) * code.scale);
        // Whole numbers without rounding, then the scales.
        const at::Tensor sums = at::conv2d(whole.to(at::kDouble), steps.to(at::kDouble), {}, stride, padding);
        const at::Tensor wanted =
            sums * (static_cast<double>(code.scale) / 127.0) + layer.bias.to(at::kDouble).view({1, -1, 1, 1});
        diffusers::Cost cost;
        const at::Tensor found = conv(layer, x, cost);
        CHECK(at::allclose(found.to(at::kDouble), wanted, 1e-6, 1e-5));
        CHECK(found.is_contiguous(at::MemoryFormat::ChannelsLast));
        CHECK(cost.macs == static_cast<double>(found.numel()) * 20 * 9);
        CHECK(cost.weight_bytes == 24 * 20 * 9 + 24 * 8);
      }
    }
  }
}

TEST_CASE("in bytes a convolution is near that in fp32, also with channels of very different sizes") {
  const c10::InferenceMode guard;
  at::Tensor x = waves({2, 32, 9, 9}, 1.7);
  x.select(1, 3).mul_(60);
  x.select(1, 4).mul_(0.1);
  const at::Tensor weight = waves({16, 32, 3, 3}, 0.9);
  x = innermost(x);
  const diffusers::Conv layer = quantised(weight, range_of(x));
  diffusers::Cost cost;
  const at::Tensor found = conv(layer, x, cost), wanted = plain(layer, weight, x);
  CHECK(relative(found, wanted) < 0.01);
  CHECK(relative(found, wanted) > 1e-4);
  // The quiet channels are not drowned in the errors of the loud one.
  at::Tensor quiet = x.clone();
  quiet.select(1, 3).zero_();
  CHECK(relative(conv(layer, innermost(quiet), cost), plain(layer, weight, quiet)) < 0.12);
}

TEST_CASE("a row in bytes is the same alone, beside others and again") {
  const c10::InferenceMode guard;
  const at::Tensor x = innermost(waves({3, 24, 7, 7}, 1.3));
  const diffusers::Conv layer = quantised(waves({40, 24, 3, 3}, 0.7), range_of(x));
  diffusers::Cost cost;
  const at::Tensor all = conv(layer, x, cost);
  CHECK(at::equal(conv(layer, x, cost), all));
  for (const std::int64_t row : {0, 1, 2})
    CHECK(at::equal(conv(layer, innermost(x.narrow(0, row, 1)), cost), all.narrow(0, row, 1)));
}

TEST_CASE("without oneDNN the same numbers come from fp32") {
  const c10::InferenceMode guard;
  const at::Tensor x = innermost(waves({2, 24, 7, 7}, 1.3)), weight = waves({40, 24, 3, 3}, 0.7);
  diffusers::Cost cost, same;
  const at::Tensor with = conv(quantised(weight, range_of(x)), x, cost);
  at::globalContext().setUserEnabledMkldnn(false);
  const at::Tensor without = conv(quantised(weight, range_of(x)), x, same);
  at::globalContext().setUserEnabledMkldnn(true);
  CHECK(relative(without, with) < 1e-5);
  CHECK(same.weight_bytes == cost.weight_bytes);
}

TEST_CASE("ranges are those of all inputs that a layer has seen, by channel") {
  const c10::InferenceMode guard;
  diffusers::ActivationRange range;
  diffusers::ObservingKernel kernel(waves({4, 2, 1, 1}, 1), range);
  const diffusers::Conv layer{at::Tensor(), at::zeros({4}), 1, 0, nullptr};
  diffusers::Cost cost;
  const auto see = [&](const std::vector<float>& values) {
    return kernel.apply(layer, at::tensor(values).view({1, 2, 1, 2}), cost);
  };
  see({1, 2, -3, -1});
  see({-5, 0, 4, 1});
  CHECK(range.low == std::vector<float>{-5, -3});
  CHECK(range.high == std::vector<float>{2, 4});
  // What has seen nothing still convolves.
  const diffusers::Conv blind = quantised(at::ones({2, 2, 3, 3}), {});
  CHECK(conv(blind, innermost(at::zeros({1, 2, 4, 4})), cost).isfinite().all().item<bool>());
}
