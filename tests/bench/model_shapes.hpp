// Llama shapes with random weights in memory for the benchmarks.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "models/decoder.hpp"

namespace dynexec {

struct ModelShape {
  const char* name;
  std::int64_t vocab, hidden, layers, heads, kv_heads, intermediate;
};

inline constexpr ModelShape kModelShapes[] = {
    {"0.3M", 512, 64, 5, 8, 4, 172},
    {"7M", 4096, 256, 8, 8, 4, 704},
    {"15M", 32000, 288, 6, 6, 6, 768},
    {"110M", 32000, 768, 12, 12, 12, 2048},
};

inline std::shared_ptr<const Decoder> random_llama(const ModelShape& shape) {
  DecoderConfig config;
  config.family = "llama";
  config.vocab = shape.vocab;
  config.hidden = shape.hidden;
  config.layers = shape.layers;
  config.heads = shape.heads;
  config.kv_heads = shape.kv_heads;
  config.head_dim = shape.hidden / shape.heads;
  config.intermediate = shape.intermediate;
  config.max_positions = 2048;
  config.tied_head = true;
  use_full_attention(config);
  RandomStream random(1, 0, 0, static_cast<std::uint32_t>(Purpose::weights));
  return Decoder::build(config, [&](const std::string&, const std::vector<std::int64_t>& size) {
    std::vector<float> values(static_cast<std::size_t>(size[0] * (size.size() > 1 ? size[1] : 1)));
    const double spread = size.size() > 1 ? 2 / std::sqrt(static_cast<double>(size[1])) : 0;
    for (float& value : values) {
      value = size.size() > 1 ? static_cast<float>(spread * (random.uniform() - 0.5)) : 1.0f;
    }
    return values;
  });
}

}  // namespace dynexec
