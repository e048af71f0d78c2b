// The packed weights of an encoder. Private to the models room.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/linear.hpp"
#include "models/encoder.hpp"

namespace dynexec {

struct EncoderLayer {
  std::unique_ptr<Linear> qkv;    // [3 hidden, hidden]
  std::unique_ptr<Linear> out;    // [hidden, hidden]
  std::unique_ptr<Linear> inner;  // [intermediate, hidden], activation included
  std::unique_ptr<Linear> outer;  // [hidden, intermediate]
  AlignedFloats attention_norm, attention_shift, output_norm, output_shift;  // [hidden]

  double weight_bytes() const;
  double macs_per_token() const;  // attention's products of queries, keys and values aside
};

struct EncoderWeights {
  EncoderConfig config;
  LayerFormats formats;
  AlignedFloats words;      // [vocab, hidden]
  AlignedFloats positions;  // [max_positions, hidden], the embedding of token type 0 added
  AlignedFloats norm, shift;
  std::vector<EncoderLayer> layers;
  std::optional<EncoderHead> classifier;
  double parameters = 0;
};

// In weights.formats, but for the matrices that the hooks give. Throws Error(model) naming tensor and shapes, also for
// tensors of layers that config.json does not explain.
void load_encoder_weights(const ModelFolder& folder, const LayerHooks& hooks, EncoderWeights& weights);

}  // namespace dynexec
