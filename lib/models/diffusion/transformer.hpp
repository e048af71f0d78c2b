// The transformer over the places of a map: self-attention, cross-attention to the prompt, a gated feed-forward
// network.
#pragma once

#include <vector>

#include "models/diffusion/tensor_source.hpp"

namespace dynexec::diffusers {

// Keys and values of the prompt's tokens in one layer, each [rows, heads, tokens, width].
struct PromptKeys {
  at::Tensor key, value;
};

struct TransformerLayer {
  Norm norm1, norm2, norm3;
  Dense query1, key1, value1, out1;  // over the map's own places
  Dense query2, key2, value2, out2;  // to the prompt
  Dense gate;                        // [2 * inner, channels]: values, then gates
  Dense outer;                       // [channels, inner]
  std::size_t index = 0;             // of its keys among those of the network
};

struct Transformer {
  Norm norm;
  Dense in, out;  // [channels, channels]
  std::int64_t heads = 0;
  std::vector<TransformerLayer> layers;
};

struct TransformerShape {
  std::int64_t channels = 0, heads = 0, layers = 1;
  std::int64_t context = 0;  // width of the prompt's states
  std::int64_t groups = 32;
  bool linear = false;  // the layers `in` and `out` are stored as matrices, not as 1x1 convolutions
};

Transformer take_transformer(TensorSource& source, const std::string& name, const TransformerShape& shape);

// states [rows, tokens, context].
PromptKeys prompt_keys(const TransformerLayer& layer, std::int64_t heads, const at::Tensor& states, Cost& cost);

// x [rows, channels, height, width]; keys by the index of the layer.
at::Tensor run_transformer(const Transformer& block, const at::Tensor& x, const std::vector<PromptKeys>& keys,
                           Cost& cost);

}  // namespace dynexec::diffusers
