#include <fmt/format.h>

#include "models/diffusion/clip_text.hpp"
#include "models/json_fields.hpp"

namespace dynexec::diffusers {
namespace {

constexpr std::int64_t kMaxWidth = 65536, kMaxInner = 1 << 20, kMaxLayers = 1024, kMaxHeads = 4096,
                       kMaxVocab = 4'000'000, kMaxPositions = 1 << 20;

}  // namespace

ClipTextConfig parse_clip_text_config(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  const std::string type = fields.text("model_type", "clip_text_model");
  if (type != "clip_text_model")
    fields.refuse("model_type", "a text encoder of type '" + type + "' is not supported",
                  "use a pipeline whose text encoder is a CLIPTextModel");
  if (fields.has("quantization_config"))
    fields.refuse("quantization_config", "quantized checkpoints are not supported",
                  "use the checkpoint in fp32, fp16 or bf16 that it was made from");
  ClipTextConfig config;
  config.vocab = fields.integer("vocab_size", 1, kMaxVocab, 49408);
  config.width = fields.integer("hidden_size", 1, kMaxWidth, 512);
  config.inner = fields.integer("intermediate_size", 1, kMaxInner, 2048);
  config.layers = fields.integer("num_hidden_layers", 1, kMaxLayers, 12);
  config.heads = fields.integer("num_attention_heads", 1, kMaxHeads, 8);
  config.positions = fields.integer("max_position_embeddings", 1, kMaxPositions, 77);
  config.epsilon = fields.number("layer_norm_eps", 0, 1, 1e-5);
  if (config.width % config.heads != 0)
    fields.refuse("num_attention_heads",
                  fmt::format("{} states cannot be split into {} heads", config.width, config.heads),
                  "choose a number of heads that divides hidden_size");
  const std::string activation = fields.text("hidden_act", "quick_gelu");
  if (activation != "quick_gelu" && activation != "gelu")
    fields.refuse("hidden_act", "the activation '" + activation + "' is not supported",
                  "supported are quick_gelu and gelu");
  config.quick_gelu = activation == "quick_gelu";
  return config;
}

}  // namespace dynexec::diffusers
