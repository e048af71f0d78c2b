// Tiny Llama-shaped models with random weights, written as real model folders for tests.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "weights/safetensors.hpp"

namespace dynexec::testing {

struct TinyModel {
  std::int64_t vocab = 6, hidden = 16, layers = 2, heads = 2, kv_heads = 1, intermediate = 32, positions = 64;
  std::uint64_t seed = 1;
  double scale = 0.6;  // of the weights; larger gives sharper distributions
  std::vector<std::int32_t> end_tokens;
};

// A folder of its own below the system's temporary folder, removed with this object.
class TinyModelFolder {
 public:
  explicit TinyModelFolder(const TinyModel& model) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("dynexec-tiny-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
    write_config(model);
    write_weights(model);
  }
  ~TinyModelFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TinyModelFolder(const TinyModelFolder&) = delete;
  TinyModelFolder& operator=(const TinyModelFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  void write_config(const TinyModel& model) {
    nlohmann::json config{{"model_type", "llama"},
                          {"architectures", {"LlamaForCausalLM"}},
                          {"vocab_size", model.vocab},
                          {"hidden_size", model.hidden},
                          {"intermediate_size", model.intermediate},
                          {"num_hidden_layers", model.layers},
                          {"num_attention_heads", model.heads},
                          {"num_key_value_heads", model.kv_heads},
                          {"max_position_embeddings", model.positions},
                          {"rms_norm_eps", 1e-5},
                          {"rope_theta", 10000.0},
                          {"hidden_act", "silu"},
                          {"tie_word_embeddings", true}};
    if (!model.end_tokens.empty()) config["eos_token_id"] = model.end_tokens;
    std::ofstream(path_ / "config.json") << config.dump();
  }

  void add(const std::string& name, std::vector<std::int64_t> shape, double scale, double offset) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>(offset + scale * random_->normal());
    data_.push_back(std::move(values));
    tensors_.push_back({.name = name, .dtype = DType::f32, .shape = std::move(shape), .bytes = {}});
  }

  void write_weights(const TinyModel& model) {
    RandomStream random(model.seed, 0, 0, static_cast<std::uint32_t>(Purpose::weights));
    random_ = &random;
    const std::int64_t head = model.hidden / model.heads, kv = head * model.kv_heads;
    const double scale = model.scale;
    add("model.embed_tokens.weight", {model.vocab, model.hidden}, scale, 0);
    for (std::int64_t i = 0; i < model.layers; ++i) {
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      add(layer + "input_layernorm.weight", {model.hidden}, 0.1, 1);
      add(layer + "self_attn.q_proj.weight", {model.hidden, model.hidden}, scale, 0);
      add(layer + "self_attn.k_proj.weight", {kv, model.hidden}, scale, 0);
      add(layer + "self_attn.v_proj.weight", {kv, model.hidden}, scale, 0);
      add(layer + "self_attn.o_proj.weight", {model.hidden, model.hidden}, scale, 0);
      add(layer + "post_attention_layernorm.weight", {model.hidden}, 0.1, 1);
      add(layer + "mlp.gate_proj.weight", {model.intermediate, model.hidden}, scale, 0);
      add(layer + "mlp.up_proj.weight", {model.intermediate, model.hidden}, scale, 0);
      add(layer + "mlp.down_proj.weight", {model.hidden, model.intermediate}, scale, 0);
    }
    add("model.norm.weight", {model.hidden}, 0.1, 1);
    for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].bytes = std::as_bytes(std::span(data_[i]));
    write_safetensors(path_ / "model.safetensors", tensors_, {{"format", "pt"}});
  }

  std::filesystem::path path_;
  RandomStream* random_ = nullptr;
  std::vector<std::vector<float>> data_;
  std::vector<TensorView> tensors_;
};

}  // namespace dynexec::testing
