// The operators that the networks of a diffusion pipeline are made of, on LibTorch. Maps are [rows, channels, height,
// width] with the channels innermost in memory. Nothing writes to its inputs, so that gradients may flow.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "kernels/linear.hpp"

namespace dynexec::diffusers {

// Counted by the operators that ran. A weight counts once for all rows that share a call.
struct Cost {
  double macs = 0, weight_bytes = 0;
};

struct Dense {
  at::Tensor weight;                     // [out, in]; undefined where `packed` has it, as is the bias then
  at::Tensor bias;                       // [out], or undefined
  std::shared_ptr<const Linear> packed;  // null: the weight is wanted as it is, as for gradients
  double packed_bytes = 0;               // of weight and bias, without what fills panels up

  bool present() const { return packed != nullptr || weight.defined(); }
};

class ConvKernel;  // conv_kernel.hpp

struct Conv {
  at::Tensor weight;  // [out, in, side, side]; undefined where `kernel` has it
  at::Tensor bias;    // [out]
  std::int64_t stride = 1, padding = 1;
  std::shared_ptr<ConvKernel> kernel;  // null: the weight is wanted as it is, as for gradients
};

// Of the channels of a map in groups, or of the last dimension of a sequence (groups 0).
struct Norm {
  at::Tensor weight, bias;  // [channels]
  std::int64_t groups = 0;
  double epsilon = 1e-5;
};

at::Tensor dense(const Dense& layer, const at::Tensor& x, Cost& cost);  // [..., in] -> [..., out]
at::Tensor conv(const Conv& layer, const at::Tensor& x, Cost& cost);
at::Tensor norm(const Norm& layer, const at::Tensor& x, Cost& cost);
at::Tensor norm_silu(const Norm& layer, const at::Tensor& map, Cost& cost);  // x sigmoid(x) of the normalised map
// Of norm() and norm_silu() on maps: fp32 or bf16, in one pass over the map.
at::Tensor group_norm_map(const Norm& layer, const at::Tensor& map, bool silu);

// Attention of `heads` heads side by side: query [rows, n, heads * width]; keys and values as split_heads gives them. A
// causal product counts in full, as its masked half is not skipped everywhere.
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, bool causal, Cost& cost);
// [rows, n, heads * width] -> [rows, heads, n, width], a view.
at::Tensor split_heads(const at::Tensor& x, std::int64_t heads);

// A map as the sequence of its places, [rows, height * width, channels], and back; views where the channels are
// innermost.
at::Tensor to_places(const at::Tensor& map);
at::Tensor to_map(const at::Tensor& places, std::int64_t height, std::int64_t width);
// A 1x1 convolution.
at::Tensor pointwise(const Dense& layer, const at::Tensor& map, Cost& cost);

}  // namespace dynexec::diffusers
