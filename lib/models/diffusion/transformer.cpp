#include "models/diffusion/transformer.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <fmt/format.h>

namespace dynexec::diffusers {
namespace {

constexpr double kMapEpsilon = 1e-6, kLayerEpsilon = 1e-5;  // fixed in the layout
constexpr std::int64_t kWidening = 4;                       // of the feed-forward network

TransformerLayer take_layer(TensorSource& source, const std::string& name, const TransformerShape& shape) {
  const std::int64_t width = shape.channels;
  TransformerLayer layer;
  layer.norm1 = source.norm(name + ".norm1", width, 0, kLayerEpsilon);
  layer.query1 = source.dense(name + ".attn1.to_q", width, width, false);
  layer.key1 = source.dense(name + ".attn1.to_k", width, width, false);
  layer.value1 = source.dense(name + ".attn1.to_v", width, width, false);
  layer.out1 = source.dense(name + ".attn1.to_out.0", width, width);
  layer.norm2 = source.norm(name + ".norm2", width, 0, kLayerEpsilon);
  layer.query2 = source.dense(name + ".attn2.to_q", width, width, false);
  layer.key2 = source.dense(name + ".attn2.to_k", width, shape.context, false);
  layer.value2 = source.dense(name + ".attn2.to_v", width, shape.context, false);
  layer.out2 = source.dense(name + ".attn2.to_out.0", width, width);
  layer.norm3 = source.norm(name + ".norm3", width, 0, kLayerEpsilon);
  layer.gate = source.dense(name + ".ff.net.0.proj", 2 * kWidening * width, width);
  layer.outer = source.dense(name + ".ff.net.2", width, kWidening * width);
  return layer;
}

at::Tensor feed_forward(const TransformerLayer& layer, const at::Tensor& x, Cost& cost) {
  const at::Tensor both = dense(layer.gate, x, cost);
  const std::int64_t inner = both.size(-1) / 2;
  const at::Tensor gated = both.narrow(-1, 0, inner) * at::gelu(both.narrow(-1, inner, inner));
  return dense(layer.outer, gated, cost);
}

at::Tensor run_layer(const TransformerLayer& layer, std::int64_t heads, const at::Tensor& x, const PromptKeys& prompt,
                     Cost& cost) {
  at::Tensor normed = norm(layer.norm1, x, cost);
  const at::Tensor key = split_heads(dense(layer.key1, normed, cost), heads);
  const at::Tensor value = split_heads(dense(layer.value1, normed, cost), heads);
  const at::Tensor own = attend(dense(layer.query1, normed, cost), key, value, false, cost);
  at::Tensor h = x + dense(layer.out1, own, cost);
  const at::Tensor query = dense(layer.query2, norm(layer.norm2, h, cost), cost);
  h = h + dense(layer.out2, attend(query, prompt.key, prompt.value, false, cost), cost);
  return h + feed_forward(layer, norm(layer.norm3, h, cost), cost);
}

}  // namespace

Transformer take_transformer(TensorSource& source, const std::string& name, const TransformerShape& shape) {
  const auto projection = [&](const std::string& part) {
    return shape.linear ? source.dense(name + part, shape.channels, shape.channels)
                        : source.pointwise(name + part, shape.channels, shape.channels);
  };
  Transformer block;
  block.heads = shape.heads;
  block.norm = source.norm(name + ".norm", shape.channels, shape.groups, kMapEpsilon);
  block.in = projection(".proj_in");
  for (std::int64_t i = 0; i < shape.layers; ++i)
    block.layers.push_back(take_layer(source, fmt::format("{}.transformer_blocks.{}", name, i), shape));
  block.out = projection(".proj_out");
  return block;
}

PromptKeys prompt_keys(const TransformerLayer& layer, std::int64_t heads, const at::Tensor& states, Cost& cost) {
  return {split_heads(dense(layer.key2, states, cost), heads).contiguous(),
          split_heads(dense(layer.value2, states, cost), heads).contiguous()};
}

at::Tensor run_transformer(const Transformer& block, const at::Tensor& x, const std::vector<PromptKeys>& keys,
                           Cost& cost) {
  at::Tensor h = dense(block.in, to_places(norm(block.norm, x, cost)), cost);
  for (const TransformerLayer& layer : block.layers) h = run_layer(layer, block.heads, h, keys[layer.index], cost);
  return x + to_map(dense(block.out, h, cost), x.size(2), x.size(3));
}

}  // namespace dynexec::diffusers
