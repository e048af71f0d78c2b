#include "models/tensor_layers.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>

#include <cmath>
#include <limits>

#include "models/rope.hpp"

namespace dynexec {
namespace {

// Rows of the table, each twice, the first time multiplied by `sign`.
at::Tensor doubled(const RopeTable& table, const float* (RopeTable::*row)(std::int64_t) const, float sign,
                   std::int64_t positions, c10::Device device) {
  const std::int64_t half = table.half();
  at::Tensor values = at::empty({positions, 1, 2 * half}, at::kFloat);
  float* out = values.mutable_data_ptr<float>();
  for (std::int64_t p = 0; p < positions; ++p) {
    const float* from = (table.*row)(p);
    for (std::int64_t i = 0; i < half; ++i) *out++ = sign * from[i];
    for (std::int64_t i = 0; i < half; ++i) *out++ = from[i];
  }
  return values.to(device, at::kFloat);
}

}  // namespace

RotaryTensors rotary_tensors(const DecoderConfig& config, std::int64_t positions, c10::Device device) {
  const RopeTable table(config, positions);
  return {.cosine = doubled(table, &RopeTable::cosine, 1, positions, device),
          .sine = doubled(table, &RopeTable::sine, -1, positions, device)};
}

at::Tensor normed(const TensorNorm& norm, const at::Tensor& x, double epsilon) {
  const at::Tensor from = x.to(at::kFloat);
  const std::int64_t size = x.size(-1);
  if (norm.bias.defined()) return at::layer_norm(from, {size}, norm.weight, norm.bias, epsilon);
  return at::rms_norm(from, {size}, norm.weight, epsilon);
}

at::Tensor product(const TensorMatrix& matrix, const at::Tensor& x) {
  return at::linear(x.to(matrix.weight.scalar_type()), matrix.weight, matrix.bias);
}

at::Tensor activated(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::silu:
      return at::silu(x);
    case Activation::gelu:
      return at::gelu(x, "none");
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::relu:
      return x.relu();
    case Activation::tanh:
      return x.tanh();
  }
  return x;
}

at::Tensor rotated(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const at::Tensor from = x.to(at::kFloat);
  // Half a turn of the dimensions swaps the two numbers of every pair.
  return from.mul(cosine).addcmul(from.roll({x.size(2) / 2}, {2}), sine);
}

HeadStates split_heads(const DecoderConfig& config, const at::Tensor& projected, const TensorNorm& query_norm,
                       const TensorNorm& key_norm, const RotaryTensors& rotary) {
  const std::int64_t heads = config.heads, kv_heads = config.kv_heads;
  const at::Tensor all = projected.view({projected.size(0), heads + 2 * kv_heads, -1});
  HeadStates states{.query = all.narrow(1, 0, heads),
                    .key = all.narrow(1, heads, kv_heads),
                    .value = all.narrow(1, heads + kv_heads, kv_heads)};
  if (config.qk_norm) {
    states.query = normed(query_norm, states.query, config.norm_eps);
    states.key = normed(key_norm, states.key, config.norm_eps);
  }
  if (rotary.cosine.defined()) {
    states.query = rotated(states.query, rotary.cosine, rotary.sine);
    states.key = rotated(states.key, rotary.cosine, rotary.sine);
  }
  return states;
}

at::Tensor mlp_states(const DecoderConfig& config, const at::Tensor& inner) {
  if (!config.gated_mlp) return activated(config.activation, inner);
  const std::int64_t width = config.intermediate;
  return activated(config.activation, inner.narrow(1, 0, width)).mul(inner.narrow(1, width, width));
}

at::Tensor attended(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                    const at::Tensor& unseen) {
  const std::int64_t rows = query.size(0), heads = query.size(1), dim = query.size(2);
  const std::int64_t kv_heads = keys.size(0), positions = keys.size(1), group = heads / kv_heads;
  // Scaled before the product, whose sums could leave the range of fp16.
  const double scale = 1 / std::sqrt(static_cast<double>(dim));
  // The heads that share keys become rows of one product.
  const at::Tensor grouped = query.to(at::kFloat)
                                 .mul(scale)
                                 .to(keys.scalar_type())
                                 .reshape({rows, kv_heads, group, dim})
                                 .permute({1, 2, 0, 3})
                                 .reshape({kv_heads, group * rows, dim});
  at::Tensor scores = grouped.bmm(keys.transpose(1, 2)).view({kv_heads, group, rows, positions});
  // What is not seen gets the weight 0 whatever its key is, also one that is not a number.
  scores.masked_fill_(unseen, -std::numeric_limits<double>::infinity());
  const at::Tensor weights =
      scores.softmax(-1, at::kFloat).to(values.scalar_type()).view({kv_heads, group * rows, positions});
  return weights.bmm(values).view({kv_heads, group, rows, dim}).permute({2, 0, 1, 3}).reshape({rows, heads * dim});
}

}  // namespace dynexec
