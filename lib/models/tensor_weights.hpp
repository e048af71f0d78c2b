// A decoder's weights as tensors on a device. Private to the models room.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "models/decoder_parts.hpp"
#include "models/device_queue.hpp"

namespace dynexec {

struct TensorNorm {
  at::Tensor weight, bias;  // fp32; bias only for LayerNorm, else undefined
};

struct TensorMatrix {
  at::Tensor weight;  // [out, in], in the layers' format
  at::Tensor bias;    // [out] in the same, or undefined
};

struct TensorLayer {
  TensorNorm attention_norm, mlp_norm;
  TensorNorm query_norm, key_norm;  // [head_dim], Qwen3
  TensorMatrix qkv;                 // [query_size + 2 kv_size, hidden]
  TensorMatrix out;                 // [hidden, query_size]
  TensorMatrix mlp_in;              // [intermediate, hidden]; gated: [2 intermediate, hidden], the gate first
  TensorMatrix mlp_out;             // [hidden, intermediate]

  double weight_bytes() const;
  double macs_per_row() const;
};

struct TensorWeights {
  // Reads everything.
  TensorWeights(const DecoderConfig& config, DecoderReader& reader, const DecoderFormats& formats);

  double norm_bytes() const;    // of the final norm
  double weight_bytes() const;  // that decoding one token reads
  double memory_bytes() const;

  DeviceQueue queue;
  at::Tensor embedding;  // [vocab, hidden] fp32; undefined when the head is tied and gives the rows
  at::Tensor positions;  // [max_positions, hidden] fp32, learned; else undefined
  std::vector<TensorLayer> layers;
  TensorNorm final_norm;
  at::Tensor head;  // [vocab, hidden], in its format
};

}  // namespace dynexec
