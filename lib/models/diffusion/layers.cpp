#include "models/diffusion/layers.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/triu.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <limits>
#include <vector>

#include "models/diffusion/conv_kernel.hpp"

namespace dynexec::diffusers {
namespace {

void count_weight(const at::Tensor& weight, const at::Tensor& bias, Cost& cost) {
  cost.weight_bytes += static_cast<double>(weight.nbytes());
  if (bias.defined()) cost.weight_bytes += static_cast<double>(bias.nbytes());
}

// Without the fused operators' care for rows that are masked throughout, of which there are none.
at::Tensor plain_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, bool causal) {
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));
  at::Tensor scores = at::matmul(query.mul(scale), key.transpose(-2, -1));
  if (causal) {
    const at::Tensor later = at::ones({query.size(-2), key.size(-2)}, at::kBool).triu(1);
    scores = scores.masked_fill(later, -std::numeric_limits<float>::infinity());
  }
  return at::matmul(at::softmax(scores, -1), value);
}

// LibTorch's product packs the weight anew at every call and, on processors that MKL does not favour, leaves half of
// the machine unused.
at::Tensor packed_dense(const Dense& layer, const at::Tensor& x, Cost& cost) {
  const Linear& linear = *layer.packed;
  const at::Tensor from = x.contiguous();
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = linear.out_features();
  at::Tensor out = at::empty(sizes, x.options().memory_format(at::MemoryFormat::Contiguous));
  const std::int64_t rows = x.numel() / linear.in_features();
  linear.forward(from.const_data_ptr<float>(), out.mutable_data_ptr<float>(), rows);
  cost.macs += static_cast<double>(rows) * linear.macs_per_row();
  cost.weight_bytes += layer.packed_bytes;
  return out;
}

}  // namespace

at::Tensor dense(const Dense& layer, const at::Tensor& x, Cost& cost) {
  if (layer.packed) return packed_dense(layer, x, cost);
  cost.macs += static_cast<double>(x.numel()) * static_cast<double>(layer.weight.size(0));
  count_weight(layer.weight, layer.bias, cost);
  return at::linear(x, layer.weight, layer.bias);
}

at::Tensor conv(const Conv& layer, const at::Tensor& x, Cost& cost) {
  if (layer.kernel) return layer.kernel->apply(layer, x, cost);
  at::Tensor out = at::conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding);
  cost.macs += static_cast<double>(out.numel()) * static_cast<double>(layer.weight.numel() / layer.weight.size(0));
  count_weight(layer.weight, layer.bias, cost);
  return out;
}

at::Tensor norm(const Norm& layer, const at::Tensor& x, Cost& cost) {
  count_weight(layer.weight, layer.bias, cost);
  if (layer.groups == 0) return at::layer_norm(x, {x.size(-1)}, layer.weight, layer.bias, layer.epsilon);
  return group_norm_map(layer, x, false);
}

at::Tensor norm_silu(const Norm& layer, const at::Tensor& map, Cost& cost) {
  count_weight(layer.weight, layer.bias, cost);
  return group_norm_map(layer, map, true);
}

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, bool causal, Cost& cost) {
  const at::Tensor split = split_heads(query, key.size(1));
  // The scores and the weighted sum.
  cost.macs += 2 * static_cast<double>(query.numel()) * static_cast<double>(key.size(2));
  // The gradient of the fused kernel is slow for sequences as short as those of small maps.
  const at::Tensor mixed = c10::GradMode::is_enabled()
                               ? plain_attention(split, key, value, causal)
                               : at::scaled_dot_product_attention(split, key, value, {}, 0.0, causal);
  return mixed.transpose(1, 2).reshape(query.sizes());
}

at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

at::Tensor to_places(const at::Tensor& map) {
  return map.permute({0, 2, 3, 1}).reshape({map.size(0), map.size(2) * map.size(3), map.size(1)});
}

at::Tensor to_map(const at::Tensor& places, std::int64_t height, std::int64_t width) {
  return places.reshape({places.size(0), height, width, places.size(2)}).permute({0, 3, 1, 2});
}

at::Tensor pointwise(const Dense& layer, const at::Tensor& map, Cost& cost) {
  return to_map(dense(layer, to_places(map), cost), map.size(2), map.size(3));
}

}  // namespace dynexec::diffusers
