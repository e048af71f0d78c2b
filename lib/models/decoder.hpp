// Decoder-only transformers (Llama-like families and GPT-2) for inference: plain forward code with a KV cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "weights/model_folder.hpp"

namespace dynexec {

struct RopeScaling {
  enum class Kind { none, linear, dynamic_ntk, llama3, yarn } kind = Kind::none;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_positions = 0;
};

// From config.json; every number is bounds-checked. Unsupported settings are an Error(model), never ignored.
struct DecoderConfig {
  std::string family;  // config.json's model_type: llama, mistral, qwen2, qwen3, smollm3, gpt2
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0;
  std::int64_t max_positions = 0;
  double norm_eps = 1e-5;
  bool layer_norm = false;          // GPT-2: LayerNorm with bias; otherwise RMSNorm
  bool learned_positions = false;   // GPT-2; otherwise RoPE
  bool gated_mlp = true;            // act(gate) * up
  enum class Activation { silu, gelu, gelu_tanh, relu } activation = Activation::silu;
  bool qkv_bias = false, out_bias = false, mlp_bias = false, qk_norm = false, tied_head = false;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  std::vector<std::int64_t> window;  // per layer: 0 full attention, else the sliding window
  std::vector<bool> rope_layer;      // per layer: false = no position encoding (SmolLM3)
  std::vector<std::int32_t> end_tokens;  // generation_config.json first, then config.json
  std::int32_t begin_token = -1;
};
DecoderConfig parse_decoder_config(const ModelFolder& folder);

// What one call has cost, counted by the code that ran.
struct PassCost {
  double macs = 0, weight_bytes = 0, kv_bytes = 0;
};

class Decoder {
 public:
  // Loads, checks every shape and packs the weights (fused QKV and gate/up). Throws Error(model).
  static std::shared_ptr<const Decoder> load(const ModelFolder& folder);
  static std::shared_ptr<const Decoder> load(const std::filesystem::path& folder);
  ~Decoder();

  const DecoderConfig& config() const;
  double parameters() const;
  double weight_bytes() const;  // bytes that decoding one token reads (embedding row aside)

 private:
  friend class DecoderSession;
  Decoder();
  struct Weights;
  std::unique_ptr<Weights> weights_;
};

// One sequence: preallocated KV cache and scratch. No allocation after construction (prefill scratch aside).
class DecoderSession {
 public:
  // capacity: most positions ever held; at most config().max_positions (Error(model) otherwise).
  DecoderSession(std::shared_ptr<const Decoder> decoder, std::int64_t capacity);
  ~DecoderSession();
  DecoderSession(DecoderSession&&) noexcept;

  const Decoder& decoder() const;
  std::int64_t capacity() const;
  std::int64_t length() const;        // positions that every layer has processed
  std::int64_t early_length() const;  // positions that the first layers have processed (>= length())
  // Rolls back to the first `length` positions; O(1).
  void truncate(std::int64_t length);

  // Runs `tokens` at positions length().. through all layers. Returns the logits of the last logit_rows tokens,
  // [logit_rows, vocab] row-major, valid until the next call. Requires early_length() == length().
  // Error(data) for ids outside the vocabulary or when the capacity is exceeded.
  std::span<const float> forward(std::span<const std::int32_t> tokens, std::int64_t logit_rows);

  // Self-speculation (LayerSkip): runs `tokens` at positions early_length().. through layers [0, exit_layer), keeps
  // their hidden states, and returns logits of the last logit_rows tokens from the shared final norm and head.
  // All calls between two truncations/forward_rest calls must use the same exit_layer.
  std::span<const float> forward_early(std::span<const std::int32_t> tokens, std::int64_t exit_layer,
                                       std::int64_t logit_rows);
  // Runs the pending positions [length(), early_length()) through layers [exit_layer, layers).
  std::span<const float> forward_rest(std::int64_t exit_layer, std::int64_t logit_rows);

  const PassCost& last_cost() const;
  std::size_t cache_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dynexec
