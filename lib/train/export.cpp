#include "train/export.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "train/bpe_trainer.hpp"
#include "train/checkpoint.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

nlohmann::json model_config(const LlamaShape& shape) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", shape.vocab},
          {"hidden_size", shape.width},
          {"intermediate_size", shape.ffn},
          {"num_hidden_layers", shape.layers},
          {"num_attention_heads", shape.heads},
          {"num_key_value_heads", shape.kv_heads},
          {"head_dim", shape.head_dim()},
          {"max_position_embeddings", shape.max_positions},
          {"hidden_act", "silu"},
          {"rms_norm_eps", shape.norm_eps},
          {"rope_theta", shape.rope_theta},
          {"rope_scaling", nullptr},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"tie_word_embeddings", true},
          {"bos_token_id", kBosToken},
          {"eos_token_id", kEosToken},
          {"pad_token_id", kPadToken},
          {"torch_dtype", "float16"}};
}

nlohmann::json tokenizer_config(const LlamaShape& shape) {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"bos_token", "<bos>"},
          {"eos_token", "<eos>"},
          {"pad_token", "<pad>"},
          {"clean_up_tokenization_spaces", false},
          {"model_max_length", shape.max_positions}};
}

}  // namespace

at::Tensor exported_copy(const std::string& name, const at::Tensor& tensor, bool half) {
  at::Tensor copy = tensor.detach().to(half ? at::kHalf : at::kFloat).contiguous();
  if (!at::isfinite(copy).all().item<bool>())
    throw Error(ErrorKind::model, half ? "a weight does not fit into fp16" : "a weight is not finite", name,
                "train with a smaller learning rate");
  return copy;
}

void write_half_weights(const std::filesystem::path& path, const NamedTensors& tensors) {
  const c10::NoGradGuard no_grad;
  NamedTensors halves;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    at::Tensor half = exported_copy(name, tensor, true);
    views.push_back({name,
                     DType::f16,
                     half.sizes().vec(),
                     {static_cast<const std::byte*>(half.const_data_ptr()), static_cast<std::size_t>(half.nbytes())}});
    halves.emplace_back(name, std::move(half));
  }
  write_safetensors(path, views, {{"format", "pt"}});
}

void export_model(const std::filesystem::path& folder, const LlamaModule& module, const nlohmann::json& tokenizer,
                  const TrainOptions& options, const TrainFigures& figures) {
  require_writable_folder(folder.string());
  const auto write_json = [&](const char* name, const nlohmann::json& json) {
    write_file_atomically((folder / name).string(), json.dump(2) + "\n");
  };
  const LlamaShape& shape = module.shape();
  write_json("config.json", model_config(shape));
  write_json("generation_config.json",
             {{"bos_token_id", kBosToken}, {"eos_token_id", kEosToken}, {"pad_token_id", kPadToken}});
  write_json("tokenizer.json", tokenizer);
  write_json("tokenizer_config.json", tokenizer_config(shape));
  write_half_weights(folder / "model.safetensors", module.exported());
  const std::string sha256 = sha256_file((folder / "model.safetensors").string());
  write_file_atomically((folder / "README.md").string(), model_card(options, module, figures, sha256));
}

}  // namespace dynexec
