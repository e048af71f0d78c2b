#include "models/diffusion/quantised_kernel.hpp"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/round.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace dynexec::diffusers {
namespace {

constexpr double kLargestCode = 127, kLeastScale = std::numeric_limits<float>::min();

// LibTorch's operators on bytes, absent in builds without oneDNN. Called by their schemas, as the C++ types of their
// lists and texts differ between versions.
struct Operators {
  std::optional<c10::OperatorHandle> pack, convolve;
};

const Operators& operators() {
  static const Operators found = [] {
    Operators operators;
    if (!at::Context::hasMKLDNN()) return operators;
    auto& dispatcher = c10::Dispatcher::singleton();
    const auto pack = dispatcher.findSchema({"onednn::qconv_prepack", ""});
    const auto convolve = dispatcher.findSchema({"onednn::qconv2d_pointwise", ""});
    if (pack && convolve) operators = {pack, convolve};
    return operators;
  }();
  return found;
}

at::Tensor call(const c10::OperatorHandle& op, torch::jit::Stack arguments) {
  op.callBoxed(arguments);
  return arguments.front().toTensor();
}

// For each input channel the factor that makes its inputs as large as its weights, divided by it, become: neither then
// has the rounding errors for both. 1 where one of them is nothing.
std::vector<float> equal_sizes(const at::Tensor& weight, const ActivationRange& inputs) {
  const at::Tensor largest = at::amax(at::abs(weight), {0, 2, 3});
  std::vector<float> factors(static_cast<std::size_t>(weight.size(1)), 1.0f);
  for (std::size_t c = 0; c < inputs.low.size(); ++c) {
    const float input = std::max(-inputs.low[c], inputs.high[c]), own = largest.const_data_ptr<float>()[c];
    const float factor = std::sqrt(own / input);
    if (std::isnormal(factor)) factors[c] = factor;
  }
  return factors;
}

std::vector<float> range_of(const ActivationRange& inputs, const std::vector<float>& factors) {
  float low = 0, high = 0;
  for (std::size_t c = 0; c < inputs.low.size(); ++c) {
    low = std::min(low, inputs.low[c] * factors[c]);
    high = std::max(high, inputs.high[c] * factors[c]);
  }
  return {low, high};
}

std::vector<std::int64_t> both(std::int64_t value) {
  return {value, value};
}

}  // namespace

QuantisedConv quantise_conv(const at::Tensor& weight, const ActivationRange& inputs) {
  QuantisedConv conv{.shape = weight.sizes().vec(), .factors = equal_sizes(weight, inputs)};
  conv.range = range_of(inputs, conv.factors);
  const at::Tensor equalised = weight / at::tensor(conv.factors).view({1, -1, 1, 1});
  const at::Tensor largest = at::amax(at::abs(equalised), {1, 2, 3}) / kLargestCode;
  // A channel without weights, or as good as that, has any scale.
  const at::Tensor scales = at::where(largest >= kLeastScale, largest, 1.0);
  const at::Tensor codes = at::round(equalised / scales.view({-1, 1, 1, 1})).to(at::kChar).contiguous();
  conv.kernel.codes.assign(codes.const_data_ptr<std::int8_t>(), codes.const_data_ptr<std::int8_t>() + codes.numel());
  conv.kernel.scales.assign(scales.const_data_ptr<float>(), scales.const_data_ptr<float>() + scales.numel());
  return conv;
}

QuantisedKernel::QuantisedKernel(const QuantisedConv& conv)
    : factors_(conv.factors),
      inputs_(byte_code(conv.range[0], conv.range[1], highest_exact_byte())),
      codes_(at::tensor(conv.kernel.codes).view(conv.shape).contiguous(at::MemoryFormat::ChannelsLast)),
      scales_(at::tensor(conv.kernel.scales)),
      zeros_(at::zeros({conv.shape[0]}, at::kInt)),
      elements_(codes_.numel()) {}

void QuantisedKernel::pack(const Conv& layer, const at::Tensor& x) {
  if (!operators().pack || !at::globalContext().userEnabledMkldnn() || !x.device().is_cpu()) return;
  packed_ =
      call(*operators().pack, {codes_, scales_, static_cast<double>(inputs_.scale), std::int64_t{inputs_.zero},
                               both(layer.stride), both(layer.padding), both(1), std::int64_t{1}, x.sizes().vec()});
  codes_ = at::Tensor();
}

at::Tensor QuantisedKernel::convolve(const Conv& layer, const at::Tensor& bytes) const {
  if (packed_.defined())
    return call(*operators().convolve, {bytes, static_cast<double>(inputs_.scale), std::int64_t{inputs_.zero}, packed_,
                                        scales_, zeros_, layer.bias, both(layer.stride), both(layer.padding), both(1),
                                        std::int64_t{1}, 1.0, std::int64_t{0}, static_cast<std::int64_t>(at::kFloat),
                                        "none", c10::List<std::optional<c10::Scalar>>(), c10::IValue()});
  // The same numbers in fp32, for LibTorch without oneDNN.
  const at::Tensor weight = codes_.to(at::kFloat) * scales_.view({-1, 1, 1, 1});
  const at::Tensor map = (bytes.to(at::kFloat) - inputs_.zero) * inputs_.scale;
  return at::conv2d(map, weight, layer.bias, layer.stride, layer.padding);
}

at::Tensor QuantisedKernel::apply(const Conv& layer, const at::Tensor& x, Cost& cost) {
  const at::Tensor map = x.contiguous(at::MemoryFormat::ChannelsLast);
  std::call_once(once_, [&] { pack(layer, map); });
  const at::Tensor bytes = at::empty(map.sizes(), map.options().dtype(at::kByte), at::MemoryFormat::ChannelsLast);
  to_bytes(map.const_data_ptr<float>(), map.numel() / map.size(1), factors_, inputs_,
           bytes.mutable_data_ptr<std::uint8_t>());
  at::Tensor out = convolve(layer, bytes);
  const auto outputs = static_cast<double>(scales_.numel()), weights = static_cast<double>(elements_);
  cost.macs += static_cast<double>(out.numel()) * weights / outputs;
  // Scales and bias in fp32.
  cost.weight_bytes += weights + 2 * static_cast<double>(sizeof(float)) * outputs;
  return out;
}

}  // namespace dynexec::diffusers
