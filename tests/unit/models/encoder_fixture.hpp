// A small encoder in a folder of its own, with random weights that a test may change before they are written.
#pragma once

#include "cnn_fixture.hpp"
#include "models/encoder.hpp"

namespace dynexec {

class EncoderFolder : public CnnFolder {
 public:
  explicit EncoderFolder(const std::string& name = "encoder") : CnnFolder(name) {}

  // Three layers of 32 states and 4 heads, 40 tokens of 50 kinds, 3 classes, exits after the first and second layer.
  void bert() {
    config = {{"model_type", "bert"},
              {"vocab_size", 50},
              {"hidden_size", 32},
              {"num_hidden_layers", 3},
              {"num_attention_heads", 4},
              {"intermediate_size", 56},
              {"max_position_embeddings", 40},
              {"type_vocab_size", 2},
              {"layer_norm_eps", 1e-5},
              {"id2label", {{"0", "a"}, {"1", "b"}, {"2", "c"}}},
              {"exits", {{"kind", "linear"}, {"layers", {0, 1}}, {"pooling", "cls"}, {"pooler", true}}}};
    add("bert.embeddings.word_embeddings.weight", {50, 32});
    add("bert.embeddings.position_embeddings.weight", {40, 32});
    add("bert.embeddings.token_type_embeddings.weight", {2, 32});
    layer_norm("bert.embeddings.LayerNorm");
    for (int l = 0; l < 3; ++l) {
      const std::string layer = "bert.encoder.layer." + std::to_string(l) + ".";
      for (const char* part :
           {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"})
        dense(layer + part, 32, 32);
      layer_norm(layer + "attention.output.LayerNorm");
      dense(layer + "intermediate.dense", 56, 32);
      dense(layer + "output.dense", 32, 56);
      layer_norm(layer + "output.LayerNorm");
    }
    dense("bert.pooler.dense", 32, 32);
    dense("classifier", 3, 32);
    for (const char* exit : {"exits.0.", "exits.1."}) {
      dense(std::string(exit) + "pooler", 32, 32);
      dense(std::string(exit) + "linear", 3, 32);
    }
  }

  // Two layers of the same sizes, 2 classes, no exits.
  void distilbert() {
    config = {{"model_type", "distilbert"},
              {"vocab_size", 50},
              {"dim", 32},
              {"n_layers", 2},
              {"n_heads", 4},
              {"hidden_dim", 56},
              {"max_position_embeddings", 40},
              {"num_labels", 2}};
    add("distilbert.embeddings.word_embeddings.weight", {50, 32});
    add("distilbert.embeddings.position_embeddings.weight", {40, 32});
    layer_norm("distilbert.embeddings.LayerNorm");
    for (int l = 0; l < 2; ++l) {
      const std::string layer = "distilbert.transformer.layer." + std::to_string(l) + ".";
      for (const char* part : {"attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"})
        dense(layer + part, 32, 32);
      layer_norm(layer + "sa_layer_norm");
      dense(layer + "ffn.lin1", 56, 32);
      dense(layer + "ffn.lin2", 32, 56);
      layer_norm(layer + "output_layer_norm");
    }
    dense("pre_classifier", 32, 32);
    dense("classifier", 2, 32);
  }

  void dense(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in}, 0.25);
    add(name + ".bias", {out}, 0.1);
  }
  void layer_norm(const std::string& name) {
    add(name + ".weight", {32}, 0.1, 1);
    add(name + ".bias", {32}, 0.1);
  }
};

inline std::vector<std::int32_t> random_ids(std::size_t count, std::uint64_t seed) {
  RandomStream random(seed, 1, 0, 0);
  std::vector<std::int32_t> ids(count);
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.below(50));
  return ids;
}

}  // namespace dynexec
