#include "models/diffusion/packed_kernel.hpp"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/conv2d.h>

#include <optional>

namespace dynexec::diffusers {
namespace {

using Lengths = at::IntArrayRef;
using Scalars = c10::List<std::optional<c10::Scalar>>;
using Text = std::optional<c10::string_view>;
using Pack = at::Tensor(const at::Tensor&, Lengths, Lengths, Lengths, std::int64_t, at::OptionalIntArrayRef);
using Convolve = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, Lengths, Lengths,
                            Lengths, std::int64_t, c10::string_view, Scalars, Text);

// LibTorch's operators on packed kernels, absent in builds without oneDNN.
struct Operators {
  std::optional<c10::TypedOperatorHandle<Pack>> pack;
  std::optional<c10::TypedOperatorHandle<Convolve>> convolve;
};

const Operators& operators() {
  static const Operators found = [] {
    Operators operators;
    if (!at::globalContext().userEnabledMkldnn() || !at::Context::hasMKLDNN()) return operators;
    auto& dispatcher = c10::Dispatcher::singleton();
    const auto pack = dispatcher.findSchema({"mkldnn::_reorder_convolution_weight", ""});
    const auto convolve = dispatcher.findSchema({"mkldnn::_convolution_pointwise", ""});
    if (!pack || !convolve) return operators;
    operators.pack = pack->typed<Pack>();
    operators.convolve = convolve->typed<Convolve>();
    return operators;
  }();
  return found;
}

}  // namespace

PackedKernel::PackedKernel(at::Tensor weight)
    : weight_(std::move(weight)), elements_(weight_.numel()), out_(weight_.size(0)) {}

at::Tensor PackedKernel::apply(const Conv& layer, const at::Tensor& x, Cost& cost) {
  const std::int64_t stride[]{layer.stride, layer.stride}, padding[]{layer.padding, layer.padding}, dilation[]{1, 1};
  std::call_once(once_, [&] {
    if (!operators().pack || !x.device().is_cpu() || x.scalar_type() != at::kFloat) return;
    weight_ = operators().pack->call(weight_, padding, stride, dilation, 1, x.sizes());
    packed_ = true;
  });
  at::Tensor out = packed_ ? operators().convolve->call(x, weight_, layer.bias, padding, stride, dilation, 1, "none",
                                                        Scalars(), std::nullopt)
                           : at::conv2d(x, weight_, layer.bias, layer.stride, layer.padding);
  cost.macs += static_cast<double>(out.numel()) * static_cast<double>(elements_ / out_);
  cost.weight_bytes += static_cast<double>(sizeof(float)) * static_cast<double>(elements_ + layer.bias.numel());
  return out;
}

}  // namespace dynexec::diffusers
