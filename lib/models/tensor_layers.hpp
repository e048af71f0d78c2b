// Parts of a decoder's layer in LibTorch's operators, for any device. None of them asks the device for a value or
// depends on one of the host but shapes, so that a graph can hold them. Private to the models room.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/branch.hpp"
#include "models/tensor_weights.hpp"

namespace dynexec {

// x [.., size] in any type -> fp32, over the last dimension.
at::Tensor normed(const TensorNorm& norm, const at::Tensor& x, double epsilon);

// x [rows, in] in any type -> x W^T + b [rows, out] in the matrix's type.
at::Tensor product(const TensorMatrix& matrix, const at::Tensor& x);

at::Tensor activated(Activation activation, const at::Tensor& x);

// Cosines and sines of positions, each pair twice, the first half of the sines negated: [positions, 1, head_dim] fp32.
struct RotaryTensors {
  at::Tensor cosine, sine;
};
RotaryTensors rotary_tensors(const DecoderConfig& config, std::int64_t positions, c10::Device device);

// Rotary encoding by halves: x [rows, heads, dim] in any type -> fp32. cosine and sine [rows, 1, dim] as above.
at::Tensor rotated(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);

// Of the rows of a layer: query [rows, heads, dim], key and value [rows, kv_heads, dim].
struct HeadStates {
  at::Tensor query, key, value;
};
// projected [rows, (heads + 2 kv_heads) * dim]; norms of Qwen3, else undefined; rotary of the rows, undefined in layers
// without.
HeadStates split_heads(const DecoderConfig& config, const at::Tensor& projected, const TensorNorm& query_norm,
                       const TensorNorm& key_norm, const RotaryTensors& rotary);

// What goes into the second matrix of the MLP: inner [rows, intermediate], gated twice as wide, the gate first.
at::Tensor mlp_states(const DecoderConfig& config, const at::Tensor& inner);

// query [rows, heads, dim] in any type; keys and values [kv_heads, positions, dim]; unseen [rows, positions]: which
// positions a row must not see, each row seeing one at least. Returns [rows, heads * dim] in the type of the values.
// Values at unseen positions must be finite.
at::Tensor attended(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                    const at::Tensor& unseen);

}  // namespace dynexec
