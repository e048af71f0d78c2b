// What config.json says about an encoder: BERT (MiniLM too) and DistilBERT.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "kernels/branch.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

struct EncoderConfig {
  std::string family = "bert";  // config.json's model_type: bert, distilbert
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, intermediate = 0;
  std::int64_t max_positions = 0;
  std::int64_t types = 0;  // token type embeddings; 0: none (DistilBERT)
  double norm_eps = 1e-12;
  Activation activation = Activation::gelu;
  std::int64_t classes = 0;              // of the sequence classifier; 0: the checkpoint has none
  std::vector<std::string> class_names;  // by id2label; empty when it says nothing

  std::int64_t head_dim() const { return hidden / heads; }
};

// Where an encoder may be left, as config.json's "exits" says: {"kind": "linear", "layers": [0, 1, 2], "pooling":
// "cls", "pooler": true}. A head is on the state after its layer, of the first token or the mean over all, through a
// dense layer with tanh when `pooler` says so (DeeBERT's highway), else directly.
struct EncoderExitConfig {
  std::vector<std::int64_t> layers;  // ascending; empty: no exits
  bool mean = false;                 // over the tokens, else the first one's
  bool pooler = true;
};

// What config.json may call an encoder.
std::span<const std::string> encoder_families();
// Whether config.json describes an encoder of these families.
bool is_encoder_config(const nlohmann::json& config);
// Every number is bounds-checked; unsupported settings are an Error(model), never ignored. `has_classifier` tells
// whether the checkpoint holds classifier.weight: config.json alone does not.
EncoderConfig parse_encoder_config(const nlohmann::json& config, const std::string& where, bool has_classifier);
EncoderConfig parse_encoder_config(const ModelFolder& folder);
EncoderExitConfig parse_encoder_exits(const nlohmann::json& config, const std::string& where, std::int64_t layers);

// The names of an encoder's tensors in a checkpoint of its family, without ".weight" and ".bias".
struct EncoderNames {
  explicit EncoderNames(const std::string& family);

  std::string words, positions, types, embedding_norm;
  std::string query, key, value, out, attention_norm, inner, outer, output_norm;  // within a layer
  std::string pooler, classifier;
  std::string layer(std::int64_t index, const std::string& part) const;  // the full name of a part

 private:
  std::string layers_;
};

}  // namespace dynexec
