// Small decoders with random weights.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"
#include "models/decoder.hpp"

namespace dynexec {

inline DecoderConfig small_config() {
  DecoderConfig config;
  config.family = "llama";
  config.vocab = 131;
  config.hidden = 48;
  config.layers = 4;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_dim = 16;
  config.intermediate = 90;
  config.max_positions = 400;
  use_full_attention(config);
  return config;
}

inline WeightSource random_weights(std::uint64_t seed) {
  return [seed, number = std::uint64_t{0}](const std::string& name, const std::vector<std::int64_t>& shape) mutable {
    RandomStream random(seed, number++, 0, 0);
    const std::int64_t columns = shape.size() > 1 ? shape[1] : 1;
    std::vector<float> values(static_cast<std::size_t>(shape[0] * columns));
    const bool norm = name.find("norm") != std::string::npos || name.find("ln_") != std::string::npos;
    const double spread = shape.size() > 1 ? 1.5 / std::sqrt(static_cast<double>(columns)) : 0.2;
    for (float& value : values) value = static_cast<float>((norm ? 1.0 : 0.0) + spread * random.normal());
    return values;
  };
}

inline std::shared_ptr<const Decoder> random_decoder(const DecoderConfig& config) {
  return Decoder::build(config, random_weights(5));
}

inline std::vector<std::int32_t> random_tokens(std::int64_t vocab, std::size_t count, std::uint64_t seed = 1) {
  RandomStream random(seed, 1, 0, 0);
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab)));
  return tokens;
}

inline std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

// The logits of every position, one token at a time.
inline std::vector<float> step_by_step(DecoderSession& session, std::span<const std::int32_t> tokens) {
  std::vector<float> all;
  for (const std::int32_t token : tokens) {
    const std::span<const float> logits = session.forward({&token, 1}, 1);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

// Configurations of every kind of layer, by name.
inline std::vector<std::pair<std::string, DecoderConfig>> varied_configs() {
  std::vector<std::pair<std::string, DecoderConfig>> configs;
  configs.emplace_back("grouped heads", small_config());
  DecoderConfig window = small_config();
  window.window = {0, 7, 70, 1};
  window.tied_head = true;
  configs.emplace_back("sliding windows, tied head", window);
  DecoderConfig single = small_config();
  single.heads = 5;
  single.kv_heads = 1;
  single.head_dim = 10;
  single.qk_norm = single.qkv_bias = single.out_bias = single.mlp_bias = true;
  single.rope_layer = {true, false, true, false};
  single.activation = Activation::gelu;
  configs.emplace_back("one key head, norms, biases, layers without rotation", single);
  DecoderConfig gpt2 = small_config();
  gpt2.family = "gpt2";
  gpt2.kv_heads = gpt2.heads;
  gpt2.head_dim = gpt2.hidden / gpt2.heads;
  gpt2.layer_norm = gpt2.learned_positions = gpt2.tied_head = true;
  gpt2.gated_mlp = false;
  gpt2.qkv_bias = gpt2.out_bias = gpt2.mlp_bias = true;
  gpt2.activation = Activation::gelu_tanh;
  configs.emplace_back("gpt2", gpt2);
  return configs;
}

}  // namespace dynexec
