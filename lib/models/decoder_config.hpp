// What config.json says about a decoder, checked in full.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "kernels/branch.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

struct RopeScaling {
  enum class Kind { none, linear, dynamic_ntk, llama3, yarn } kind = Kind::none;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_positions = 0;
  double beta_fast = 32, beta_slow = 1;  // yarn: rotations where interpolation starts and is complete
  double attention_factor = 1;           // yarn: multiplies cosine and sine
  bool truncate = true;                  // yarn: the ramp starts and ends at whole dimensions
};

// From config.json; every number is bounds-checked. Unsupported settings are an Error(model), never ignored.
struct DecoderConfig {
  std::string family;  // config.json's model_type: llama, mistral, qwen2, qwen3, smollm3, gpt2
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0;
  std::int64_t max_positions = 0;
  double norm_eps = 1e-5;
  bool layer_norm = false;         // GPT-2: LayerNorm with bias; otherwise RMSNorm
  bool learned_positions = false;  // GPT-2; otherwise RoPE
  bool gated_mlp = true;           // act(gate) * up
  Activation activation = Activation::silu;
  bool qkv_bias = false, out_bias = false, mlp_bias = false, qk_norm = false, tied_head = false;
  double rope_theta = 10000;
  // Dynamic NTK changes nothing up to max_positions, which no session exceeds.
  RopeScaling rope_scaling;
  std::vector<std::int64_t> window;      // per layer: 0 full attention, else the sliding window
  std::vector<bool> rope_layer;          // per layer: false = no position encoding (SmolLM3)
  std::vector<std::int32_t> end_tokens;  // generation_config.json first, then config.json
  std::int32_t begin_token = -1;

  std::int64_t query_size() const { return heads * head_dim; }
  std::int64_t kv_size() const { return kv_heads * head_dim; }
};

// What config.json may call a decoder.
std::span<const std::string> decoder_families();
DecoderConfig parse_decoder_config(const ModelFolder& folder);
// `where` names the file in errors.
DecoderConfig parse_decoder_config(const nlohmann::json& config, const nlohmann::json& generation,
                                   const std::string& where);

// Sets window and rope_layer to full attention with RoPE in every layer: for configurations built in code.
void use_full_attention(DecoderConfig& config);

}  // namespace dynexec
