// The packed weights of a decoder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/linear.hpp"
#include "models/decoder.hpp"

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

struct Decoder::Weights {
  DecoderConfig config;
  DecoderFormats formats;
  AlignedFloats embedding;  // [vocab, hidden]; empty when the head is tied and gives the rows
  AlignedFloats positions;  // [max_positions, hidden], learned
  std::vector<LayerWeights> layers;
  NormWeights final_norm;
  std::unique_ptr<Linear> head;  // [vocab, hidden]
  double parameters = 0;

  // The embedding of `token` plus, where learned, that of its position.
  void embed(std::int32_t token, std::int64_t position, float* out) const;
  double norm_bytes() const;
};

}  // namespace dynexec
