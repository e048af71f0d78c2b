// Group normalisation of maps, with gradients where they are wanted. LibTorch's own gradient is bound by memory in fp32
// and slow in bf16.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/group_norm.hpp"
#include "models/diffusion/layers.hpp"

namespace dynexec::diffusers {
namespace {

using torch::autograd::AutogradContext;

GroupNormShape shape_of(const at::Tensor& map, std::int64_t groups) {
  return {map.size(0), map.size(2) * map.size(3), map.size(1), groups};
}

std::uint16_t* bits(const at::Tensor& map) {
  return static_cast<std::uint16_t*>(map.data_ptr());
}

at::Tensor run(const at::Tensor& x, const Norm& layer, bool silu, float* moments) {
  at::Tensor out = at::empty_like(x);
  const GroupNormShape shape = shape_of(x, layer.groups);
  const float *weight = layer.weight.const_data_ptr<float>(), *bias = layer.bias.const_data_ptr<float>();
  if (x.scalar_type() == at::kBFloat16)
    group_norm<std::uint16_t>(bits(x), shape, weight, bias, layer.epsilon, silu, bits(out), moments);
  else
    group_norm<float>(x.const_data_ptr<float>(), shape, weight, bias, layer.epsilon, silu,
                      out.mutable_data_ptr<float>(), moments);
  return out;
}

class GroupNorm : public torch::autograd::Function<GroupNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, std::int64_t groups, double epsilon, bool silu) {
    at::Tensor moments = at::empty({x.size(0), groups, 2}, weight.options());
    at::Tensor out = run(x, {weight, bias, groups, epsilon}, silu, moments.mutable_data_ptr<float>());
    context->save_for_backward({x, weight, bias, moments});
    context->saved_data["silu"] = silu;
    return out;
  }

  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &moments = saved[3];
    const at::Tensor gradient = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor out = at::empty_like(x), of_weight = at::zeros_like(weight), of_bias = at::zeros_like(bias);
    const GroupNormShape shape = shape_of(x, moments.size(1));
    const bool silu = context->saved_data["silu"].toBool();
    const auto go = [&](auto* values, auto* outer, auto* result) {
      group_norm_gradient(values, outer, shape, weight.const_data_ptr<float>(), bias.const_data_ptr<float>(),
                          moments.const_data_ptr<float>(), silu, result, of_weight.mutable_data_ptr<float>(),
                          of_bias.mutable_data_ptr<float>());
    };
    if (x.scalar_type() == at::kBFloat16)
      go(bits(x), bits(gradient), bits(out));
    else
      go(x.data_ptr<float>(), gradient.data_ptr<float>(), out.data_ptr<float>());
    return {out, of_weight, of_bias, {}, {}, {}};
  }
};

}  // namespace

at::Tensor group_norm_map(const Norm& layer, const at::Tensor& x, bool silu) {
  const at::Tensor map = x.contiguous(at::MemoryFormat::ChannelsLast);
  if (!c10::GradMode::is_enabled()) return run(map, layer, silu, nullptr);
  return GroupNorm::apply(map, layer.weight, layer.bias, layer.groups, layer.epsilon, silu);
}

}  // namespace dynexec::diffusers
