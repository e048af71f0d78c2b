#include "models/encoder_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "base/error.hpp"
#include "models/json_fields.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

const std::array<std::string, 2> kFamilies = {"bert", "distilbert"};

constexpr std::int64_t kMaxHidden = 65536, kMaxLayers = 1024, kMaxVocab = 4'000'000, kMaxHeads = 4096,
                       kMaxIntermediate = 1 << 20, kMaxPositions = 1 << 20, kMaxTypes = 1 << 16, kMaxClasses = 100'000;

// DistilBERT's config.json calls many things otherwise.
struct Keys {
  const char *hidden, *layers, *heads, *intermediate, *activation;
};
constexpr Keys kBert{"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"};
constexpr Keys kDistilbert{"dim", "n_layers", "n_heads", "hidden_dim", "activation"};

void refuse_unsupported(const JsonFields& fields) {
  refuse_quantised_by_others(fields);
  for (const char* key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"})
    if (fields.boolean(key, false)) fields.refuse(key, "only plain encoders are supported", "use an encoder");
  const std::string positions = fields.text("position_embedding_type", "absolute");
  if (positions != "absolute")
    fields.refuse("position_embedding_type", "positions of type '" + positions + "' are not supported",
                  "use a model with absolute positions");
  const std::string problem = fields.text("problem_type", "single_label_classification");
  if (problem != "single_label_classification")
    fields.refuse("problem_type", "problems of type '" + problem + "' are not supported",
                  "use a classifier that gives one label");
}

Activation parse_activation(const JsonFields& fields, const char* key) {
  const std::string name = fields.text(key, "gelu");
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return Activation::gelu_tanh;
  if (name == "relu") return Activation::relu;
  if (name == "silu" || name == "swish") return Activation::silu;
  fields.refuse(key, "the activation '" + name + "' is not supported",
                "supported are gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu and silu");
}

// Classes by id2label {"0": "NEGATIVE", ...}; without it num_labels, and two as transformers has it.
void read_classes(const JsonFields& fields, EncoderConfig& config) {
  if (!fields.has("id2label")) {
    config.classes = fields.integer("num_labels", 1, kMaxClasses, 2);
    return;
  }
  const nlohmann::json& names = fields.object().at("id2label");
  if (!names.is_object() || names.empty() || names.size() > kMaxClasses)
    fields.refuse("id2label", "the names of the classes are no object of \"0\", \"1\" ...",
                  "restore config.json from the model's publisher");
  config.classes = static_cast<std::int64_t>(names.size());
  for (std::size_t label = 0; label < names.size(); ++label) {
    const auto found = names.find(std::to_string(label));
    if (found == names.end() || !found->is_string())
      fields.refuse("id2label", fmt::format("class {} has no name", label), "name the classes from \"0\" on");
    config.class_names.push_back(found->get<std::string>());
  }
}

}  // namespace

std::span<const std::string> encoder_families() {
  return kFamilies;
}

bool is_encoder_config(const nlohmann::json& config) {
  const auto type = config.find("model_type");
  return type != config.end() && type->is_string() &&
         std::find(kFamilies.begin(), kFamilies.end(), type->get<std::string>()) != kFamilies.end();
}

EncoderConfig parse_encoder_config(const nlohmann::json& json, const std::string& where, bool has_classifier) {
  const JsonFields fields(json, where);
  EncoderConfig config;
  config.family = fields.text("model_type", "");
  if (!is_encoder_config(json))
    fields.refuse("model_type", "encoders of type '" + config.family + "' are not supported",
                  "supported are bert (MiniLM too) and distilbert");
  refuse_unsupported(fields);
  const bool bert = config.family == "bert";
  const Keys& keys = bert ? kBert : kDistilbert;
  config.vocab = fields.integer("vocab_size", 1, kMaxVocab, 30522);
  config.hidden = fields.integer(keys.hidden, 1, kMaxHidden, 768);
  config.layers = fields.integer(keys.layers, 1, kMaxLayers, bert ? 12 : 6);
  config.heads = fields.integer(keys.heads, 1, kMaxHeads, 12);
  config.intermediate = fields.integer(keys.intermediate, 1, kMaxIntermediate, 3072);
  config.max_positions = fields.integer("max_position_embeddings", 1, kMaxPositions, 512);
  config.types = bert ? fields.integer("type_vocab_size", 1, kMaxTypes, 2) : 0;
  config.norm_eps = bert ? fields.number("layer_norm_eps", 0, 1, 1e-12) : 1e-12;
  config.activation = parse_activation(fields, keys.activation);
  if (config.hidden % config.heads != 0)
    fields.refuse(keys.heads, fmt::format("{} states cannot be divided among {} heads", config.hidden, config.heads),
                  "restore config.json from the model's publisher");
  if (has_classifier) read_classes(fields, config);
  return config;
}

EncoderConfig parse_encoder_config(const ModelFolder& folder) {
  return parse_encoder_config(folder.config(), (folder.path() / "config.json").string(),
                              folder.find("classifier.weight").has_value());
}

EncoderExitConfig parse_encoder_exits(const nlohmann::json& json, const std::string& where, std::int64_t layers) {
  EncoderExitConfig exits;
  const JsonFields config(json, where);
  if (!config.has("exits")) return exits;
  const JsonFields fields = config.child("exits");
  const std::string kind = fields.text("kind", "linear"), pooling = fields.text("pooling", "cls");
  if (kind != "linear") fields.refuse("kind", "unknown head '" + kind + "'", "an encoder's heads are linear");
  if (pooling != "cls" && pooling != "mean")
    fields.refuse("pooling", "unknown pooling '" + pooling + "'", "use cls or mean");
  exits.mean = pooling == "mean";
  exits.pooler = fields.boolean("pooler", true);
  exits.layers = fields.integers("layers", 0, layers - 1);
  if (exits.layers.empty()) fields.refuse("layers", "no layer is listed", "list at least one, or remove \"exits\"");
  if (std::adjacent_find(exits.layers.begin(), exits.layers.end(), std::greater_equal<>()) != exits.layers.end())
    fields.refuse("layers", "the layers do not ascend", "list each layer once, in order");
  return exits;
}

EncoderNames::EncoderNames(const std::string& family) {
  const bool bert = family == "bert";
  const std::string root = bert ? "bert." : "distilbert.";
  words = root + "embeddings.word_embeddings";
  positions = root + "embeddings.position_embeddings";
  types = bert ? root + "embeddings.token_type_embeddings" : "";
  embedding_norm = root + "embeddings.LayerNorm";
  layers_ = root + (bert ? "encoder.layer." : "transformer.layer.");
  query = bert ? "attention.self.query" : "attention.q_lin";
  key = bert ? "attention.self.key" : "attention.k_lin";
  value = bert ? "attention.self.value" : "attention.v_lin";
  out = bert ? "attention.output.dense" : "attention.out_lin";
  attention_norm = bert ? "attention.output.LayerNorm" : "sa_layer_norm";
  inner = bert ? "intermediate.dense" : "ffn.lin1";
  outer = bert ? "output.dense" : "ffn.lin2";
  output_norm = bert ? "output.LayerNorm" : "output_layer_norm";
  pooler = bert ? "bert.pooler.dense" : "pre_classifier";
  classifier = "classifier";
}

std::string EncoderNames::layer(std::int64_t index, const std::string& part) const {
  return layers_ + std::to_string(index) + "." + part;
}

}  // namespace dynexec
