#include <unistd.h>

#include <deque>
#include <fstream>
#include <functional>

#include "decoder_fixture.hpp"

using namespace dynexec;

namespace {

namespace fs = std::filesystem;

struct StoredTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

// A model folder of small_config() whose tensors and config can be changed before it is written.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("dynexec-decoder-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
    const WeightSource random = random_weights(5);
    Decoder::build(small_config(), [&](const std::string& name, const std::vector<std::int64_t>& shape) {
      tensors.push_back({name, shape, random(name, shape)});
      return tensors.back().values;
    });
    config = {{"model_type", "llama"},
              {"vocab_size", 131},
              {"hidden_size", 48},
              {"intermediate_size", 90},
              {"num_hidden_layers", 4},
              {"num_attention_heads", 6},
              {"num_key_value_heads", 2},
              {"head_dim", 16},
              {"max_position_embeddings", 400},
              {"rms_norm_eps", 1e-5},
              {"tie_word_embeddings", false}};
  }
  ~Folder() { fs::remove_all(path_); }

  std::shared_ptr<const Decoder> load() const {
    std::vector<TensorView> views;
    for (const StoredTensor& tensor : tensors) {
      TensorView view;
      view.name = tensor.name;
      view.shape = tensor.shape;
      view.bytes = std::as_bytes(std::span(tensor.values));
      views.push_back(view);
    }
    write_safetensors(path_ / "model.safetensors", views, {});
    std::ofstream(path_ / "config.json") << config.dump();
    return Decoder::load(path_);
  }

  StoredTensor& tensor(const std::string& name) {
    for (StoredTensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    FAIL("no tensor " << name);
    return tensors.front();
  }

  std::deque<StoredTensor> tensors;
  nlohmann::json config;

 private:
  fs::path path_;
};

std::string error_of(const Folder& folder) {
  try {
    folder.load();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return format_error(error);
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& fragment) {
  INFO(text);
  const bool found = text.find(fragment) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("a folder loads to the same model as its weights in memory") {
  Folder folder;
  const std::vector<std::int32_t> tokens = random_tokens(131, 30);
  DecoderSession loaded(folder.load(), 50), built(random_decoder(small_config()), 50);
  CHECK(copy(loaded.forward(tokens, 30)) == copy(built.forward(tokens, 30)));
}

TEST_CASE("missing, misshapen and unexplained tensors are named") {
  {
    Folder folder;
    folder.tensor("model.layers.2.mlp.up_proj.weight").name = "model.layers.2.mlp.upp_proj.weight";
    contains(error_of(folder), "model.layers.2.mlp.up_proj.weight");
  }
  {
    Folder folder;
    StoredTensor& tensor = folder.tensor("model.layers.1.self_attn.k_proj.weight");
    std::swap(tensor.shape[0], tensor.shape[1]);
    const std::string text = error_of(folder);
    contains(text, "model.layers.1.self_attn.k_proj.weight");
    contains(text, "32");
  }
  {
    Folder folder;
    folder.tensors.push_back({"model.layers.0.self_attn.q_proj.bias", {96}, std::vector<float>(96)});
    contains(error_of(folder), "model.layers.0.self_attn.q_proj.bias");
  }
  {
    Folder folder;
    folder.config["num_hidden_layers"] = 3;
    contains(error_of(folder), "model.layers.3.");
  }
  {
    Folder folder;
    folder.config["attention_bias"] = true;
    contains(error_of(folder), "self_attn.q_proj.bias");
  }
  {
    Folder folder;
    folder.tensor("lm_head.weight").name = "other.weight";
    contains(error_of(folder), "lm_head.weight");
  }
}

TEST_CASE("buffers of older checkpoints and tensors outside the layers are ignored") {
  Folder folder;
  folder.tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {8}, std::vector<float>(8)});
  folder.tensors.push_back({"score.weight", {2, 2}, std::vector<float>(4)});
  CHECK(folder.load()->config().layers == 4);
}

TEST_CASE("weights that are not finite are refused") {
  Folder folder;
  folder.tensor("model.norm.weight").values[3] = INFINITY;
  contains(error_of(folder), "model.norm.weight");
}
