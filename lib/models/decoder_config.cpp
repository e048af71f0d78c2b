#include "models/decoder_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "models/json_fields.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMaxHidden = 65536, kMaxLayers = 1024, kMaxVocab = 4'000'000, kMaxHeads = 4096,
                       kMaxHeadDim = 1024, kMaxIntermediate = 1 << 20, kMaxPositions = 1 << 24;

const std::array<std::string, 6> kFamilies = {"llama", "mistral", "qwen2", "qwen3", "smollm3", "gpt2"};

void refuse_unsupported(const JsonFields& fields) {
  const std::string family = fields.text("model_type", "");
  if (family.empty()) {
    fields.refuse("model_type", "the key is missing", "use a model folder in Hugging Face layout");
  }
  if (std::find(kFamilies.begin(), kFamilies.end(), family) == kFamilies.end()) {
    const std::string near = nearest_name(family, kFamilies);
    fields.refuse(
        "model_type",
        "decoders of type '" + family + "' are not supported" + (near.empty() ? "" : "; did you mean " + near),
        "supported are llama (SmolLM and TinyLlama too), mistral, qwen2, qwen3, smollm3 and gpt2");
  }
  refuse_quantised_by_others(fields);
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    if (fields.has(key) && fields.integer(key, 0, 1 << 20) > 1) {
      fields.refuse(key, "mixtures of experts are not supported", "use a dense model");
    }
  }
  for (const char* key : {"is_encoder_decoder", "add_cross_attention"}) {
    if (fields.boolean(key, false)) fields.refuse(key, "cross attention is not supported", "use a decoder-only model");
  }
}

Activation parse_activation(const JsonFields& fields, const std::string& key, const std::string& absent) {
  const std::string name = fields.text(key, absent);
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return Activation::gelu_tanh;
  if (name == "relu") return Activation::relu;
  fields.refuse(key, "the activation '" + name + "' is not supported",
                "supported are silu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast and relu");
}

double yarn_attention_factor(const JsonFields& rope, double factor) {
  const auto magnitude = [&](double weight) { return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0; };
  const double mscale = rope.number("mscale", 0, 1000, 0.0);
  const double mscale_all = rope.number("mscale_all_dim", 0, 1000, 0.0);
  const double inferred = mscale > 0 && mscale_all > 0 ? magnitude(mscale) / magnitude(mscale_all) : magnitude(1);
  return rope.number("attention_factor", 1e-3, 1000, inferred);
}

// `rope` is rope_scaling of older configs or rope_parameters of newer ones.
RopeScaling parse_rope_scaling(const JsonFields& rope, std::int64_t max_positions) {
  RopeScaling scaling;
  const std::string type = rope.text("rope_type", rope.text("type", "default"));
  if (rope.number("partial_rotary_factor", 0, 1, 1.0) != 1.0) {
    rope.refuse("partial_rotary_factor", "partial rotation is not supported", "use a model that rotates whole heads");
  }
  if (type == "default") return scaling;
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::linear;
  } else if (type == "dynamic") {
    scaling.kind = RopeScaling::Kind::dynamic_ntk;
  } else if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::llama3;
    scaling.low_freq_factor = rope.number("low_freq_factor", 1e-3, 1e6);
    scaling.high_freq_factor = rope.number("high_freq_factor", 1e-3, 1e6);
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      rope.refuse("high_freq_factor", "it must be above low_freq_factor", "restore config.json");
    }
  } else if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::yarn;
    scaling.beta_fast = rope.number("beta_fast", 1e-3, 1e6, 32.0);
    scaling.beta_slow = rope.number("beta_slow", 1e-3, 1e6, 1.0);
    scaling.truncate = rope.boolean("truncate", true);
  } else {
    rope.refuse("rope_type", "the position scaling '" + type + "' is not supported",
                "supported are default, linear, dynamic, llama3 and yarn");
  }
  scaling.original_positions = rope.integer("original_max_position_embeddings", 1, kMaxPositions, max_positions);
  std::optional<double> absent;
  if (scaling.kind == RopeScaling::Kind::yarn) {
    absent = static_cast<double>(max_positions) / static_cast<double>(scaling.original_positions);
  }
  scaling.factor = rope.number("factor", 1e-3, 1e6, absent);
  if (scaling.kind == RopeScaling::Kind::yarn) scaling.attention_factor = yarn_attention_factor(rope, scaling.factor);
  return scaling;
}

void parse_rope(const JsonFields& fields, DecoderConfig& config) {
  const double theta = fields.number("rope_theta", 1, 1e12, config.family == "smollm3" ? 2e6 : 1e4);
  config.rope_theta = theta;
  // The older key wins where both are present, as in the reference implementation.
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!fields.has(key)) continue;
    const JsonFields rope = fields.child(key);
    for (const auto& [name, value] : rope.object().items()) {
      if (value.is_object())
        rope.refuse(name, "position encodings per layer type are not supported", "use another model");
    }
    config.rope_theta = rope.number("rope_theta", 1, 1e12, theta);
    config.rope_scaling = parse_rope_scaling(rope, config.max_positions);
    return;
  }
  if (fields.number("partial_rotary_factor", 0, 1, 1.0) != 1.0) {
    fields.refuse("partial_rotary_factor", "partial rotation is not supported", "use a model that rotates whole heads");
  }
}

// Which layers look back only so far, by family; layer_types decides where the file has it.
void parse_windows(const JsonFields& fields, DecoderConfig& config) {
  const auto layers = static_cast<std::size_t>(config.layers);
  config.window.assign(layers, 0);
  if (config.family == "llama") return;
  const std::int64_t absent = config.family == "mistral" && !fields.object().contains("sliding_window") ? 4096 : 0;
  const std::int64_t window = fields.integer("sliding_window", 0, kMaxPositions, absent);
  const bool used = config.family == "mistral" || fields.boolean("use_sliding_window", false);
  if (!used || window == 0) return;
  if (fields.has("layer_types")) {
    const std::vector<std::string> types = fields.texts("layer_types");
    if (types.size() != layers) {
      fields.refuse("layer_types", fmt::format("{} entries for {} layers", types.size(), layers),
                    "restore config.json");
    }
    for (std::size_t i = 0; i < layers; ++i) {
      if (types[i] == "sliding_attention") {
        config.window[i] = window;
      } else if (types[i] != "full_attention") {
        fields.refuse("layer_types", "layers of type '" + types[i] + "' are not supported", "use another model");
      }
    }
    return;
  }
  const std::int64_t first = config.family == "mistral" || config.family == "smollm3"
                                 ? 0
                                 : fields.integer("max_window_layers", 0, 1 << 20, 28);
  for (std::size_t i = 0; i < layers; ++i) {
    const bool rotated_smollm = config.family == "smollm3" && config.rope_layer[i];
    if (static_cast<std::int64_t>(i) >= first && !rotated_smollm) config.window[i] = window;
  }
}

void parse_rope_layers(const JsonFields& fields, DecoderConfig& config) {
  const auto layers = static_cast<std::size_t>(config.layers);
  config.rope_layer.assign(layers, true);
  if (config.family != "smollm3") return;
  if (fields.has("no_rope_layers")) {
    const std::vector<std::int64_t> flags = fields.integers("no_rope_layers", 0, 1);  // 1: the layer rotates
    if (flags.size() < layers) fields.refuse("no_rope_layers", "fewer entries than layers", "restore config.json");
    for (std::size_t i = 0; i < layers; ++i) config.rope_layer[i] = flags[i] != 0;
    return;
  }
  const auto interval = static_cast<std::size_t>(fields.integer("no_rope_layer_interval", 1, 1 << 20, 4));
  for (std::size_t i = 0; i < layers; ++i) config.rope_layer[i] = (i + 1) % interval != 0;
}

void parse_gpt2(const JsonFields& fields, DecoderConfig& config) {
  config.hidden = fields.integer("n_embd", 1, kMaxHidden);
  config.layers = fields.integer("n_layer", 1, kMaxLayers);
  config.heads = fields.integer("n_head", 1, kMaxHeads);
  config.kv_heads = config.heads;
  config.max_positions = fields.integer("n_positions", 1, kMaxPositions, 1024);
  config.intermediate = fields.integer("n_inner", 1, kMaxIntermediate, 4 * config.hidden);
  config.norm_eps = fields.number("layer_norm_epsilon", 0, 1, 1e-5);
  config.activation = parse_activation(fields, "activation_function", "gelu_new");
  config.layer_norm = config.learned_positions = true;
  config.gated_mlp = false;
  config.qkv_bias = config.out_bias = config.mlp_bias = true;
  config.tied_head = fields.boolean("tie_word_embeddings", true);
  if (config.hidden % config.heads != 0) {
    fields.refuse("n_embd", "the width is not a multiple of the number of heads", "restore config.json");
  }
  config.head_dim = config.hidden / config.heads;
  if (!fields.boolean("scale_attn_weights", true)) {
    fields.refuse("scale_attn_weights", "unscaled attention is not supported", "use another model");
  }
  if (fields.boolean("scale_attn_by_inverse_layer_idx", false)) {
    fields.refuse("scale_attn_by_inverse_layer_idx", "attention scaled by layer is not supported", "use another model");
  }
  use_full_attention(config);
}

void parse_llama_like(const JsonFields& fields, DecoderConfig& config) {
  const std::string& family = config.family;
  config.hidden = fields.integer("hidden_size", 1, kMaxHidden);
  config.layers = fields.integer("num_hidden_layers", 1, kMaxLayers);
  config.heads = fields.integer("num_attention_heads", 1, kMaxHeads);
  const std::int64_t absent_kv =
      family == "mistral" && !fields.object().contains("num_key_value_heads") ? 8 : config.heads;
  config.kv_heads = fields.integer("num_key_value_heads", 1, kMaxHeads, absent_kv);
  config.intermediate = fields.integer("intermediate_size", 1, kMaxIntermediate);
  config.max_positions = fields.integer("max_position_embeddings", 1, kMaxPositions);
  config.norm_eps = fields.number("rms_norm_eps", 0, 1, 1e-6);
  config.activation = parse_activation(fields, "hidden_act", "silu");
  config.tied_head = fields.boolean("tie_word_embeddings", family == "smollm3");
  const bool head_dim_given = fields.has("head_dim");
  if (!head_dim_given && config.hidden % config.heads != 0) {
    fields.refuse("hidden_size", "it is not a multiple of num_attention_heads", "restore config.json");
  }
  config.head_dim = fields.integer("head_dim", 1, kMaxHeadDim, family == "qwen3" ? 128 : config.hidden / config.heads);
  if (config.heads % config.kv_heads != 0) {
    fields.refuse("num_key_value_heads", "it does not divide num_attention_heads", "restore config.json");
  }
  const bool attention_bias = family != "mistral" && fields.boolean("attention_bias", false);
  config.qkv_bias = attention_bias || family == "qwen2";
  config.out_bias = attention_bias && family != "qwen2";
  config.mlp_bias = (family == "llama" || family == "smollm3") && fields.boolean("mlp_bias", false);
  config.qk_norm = family == "qwen3";
  if (config.head_dim % 2 != 0) fields.refuse("head_dim", "it is odd, which rotation forbids", "restore config.json");
  parse_rope(fields, config);
  parse_rope_layers(fields, config);
  parse_windows(fields, config);
}

}  // namespace

std::span<const std::string> decoder_families() {
  return kFamilies;
}

DecoderConfig parse_decoder_config(const nlohmann::json& json, const nlohmann::json& generation,
                                   const std::string& where) {
  const JsonFields fields(json, where);
  refuse_unsupported(fields);
  DecoderConfig config;
  config.family = fields.text("model_type", "");
  config.vocab = fields.integer("vocab_size", 1, kMaxVocab);
  if (config.family == "gpt2") {
    parse_gpt2(fields, config);
  } else {
    parse_llama_like(fields, config);
  }
  if (config.head_dim > kMaxHeadDim) {
    fields.refuse("num_attention_heads", fmt::format("heads of width {} are not supported", config.head_dim),
                  fmt::format("use a model with heads of width {} or less", kMaxHeadDim));
  }
  const std::int64_t last = config.vocab - 1;
  std::vector<std::int64_t> ends;
  if (generation.is_object()) {
    ends = JsonFields(generation, "generation_config.json").integers("eos_token_id", -1, kMaxVocab);
  }
  if (ends.empty()) ends = fields.integers("eos_token_id", -1, kMaxVocab);
  for (const std::int64_t id : ends) {
    const auto token = static_cast<std::int32_t>(id);
    const bool known = std::find(config.end_tokens.begin(), config.end_tokens.end(), token) != config.end_tokens.end();
    if (id >= 0 && id <= last && !known) config.end_tokens.push_back(token);
  }
  const std::vector<std::int64_t> begins = fields.integers("bos_token_id", -1, kMaxVocab);
  if (begins.size() == 1 && begins[0] <= last) config.begin_token = static_cast<std::int32_t>(begins[0]);
  return config;
}

DecoderConfig parse_decoder_config(const ModelFolder& folder) {
  return parse_decoder_config(folder.config(), folder.generation_config(), (folder.path() / "config.json").string());
}

void use_full_attention(DecoderConfig& config) {
  config.window.assign(static_cast<std::size_t>(config.layers), 0);
  config.rope_layer.assign(static_cast<std::size_t>(config.layers), true);
}

}  // namespace dynexec
