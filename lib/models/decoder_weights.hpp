// A decoder's weights, packed for what computes with them. Private to the models room.
#pragma once

#include <memory>
#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/linear.hpp"
#include "models/decoder.hpp"
#include "models/decoder_parts.hpp"

namespace dynexec {

struct NormWeights {
  AlignedFloats weight, bias;  // bias only for LayerNorm
};

struct LayerWeights {
  NormWeights attention_norm, mlp_norm;
  NormWeights query_norm, key_norm;  // [head_dim], Qwen3
  std::unique_ptr<Linear> qkv;       // [query_size + 2 kv_size, hidden]
  std::unique_ptr<Linear> out;       // [hidden, query_size]
  std::unique_ptr<Linear> mlp_in;    // [intermediate, hidden], activation (and gate) included
  std::unique_ptr<Linear> mlp_out;   // [hidden, intermediate]

  double weight_bytes() const;
  double macs_per_row() const;
};

// For the own kernels.
struct KernelWeights {
  // Reads everything.
  KernelWeights(const DecoderConfig& config, DecoderReader& reader, const DecoderBuild& build);

  double norm_bytes() const;    // of the final norm
  double weight_bytes() const;  // that decoding one token reads
  double memory_bytes() const;

  AlignedFloats embedding;  // [vocab, hidden]; empty when the head is tied and gives the rows
  AlignedFloats positions;  // [max_positions, hidden], learned
  std::vector<LayerWeights> layers;
  NormWeights final_norm;
  std::unique_ptr<Linear> head;  // [vocab, hidden]
};

struct TensorWeights;

struct DecoderWeights {
  DecoderWeights();
  ~DecoderWeights();

  DecoderConfig config;
  DecoderFormats formats;
  double parameters = 0;
  // One of them, as formats.device says.
  std::unique_ptr<KernelWeights> kernels;
  std::unique_ptr<TensorWeights> tensors;
};

}  // namespace dynexec
