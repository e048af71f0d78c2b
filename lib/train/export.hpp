// Writing a trained network as a model folder in Hugging Face layout, weights in fp16.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/checkpoint.hpp"
#include "train/llama_module.hpp"
#include "train/options.hpp"

namespace dynexec {

// What the card reports.
struct TrainFigures {
  std::int64_t steps = 0, tokens = 0;
  double seconds = 0, loss = 0, eval_loss = 0, exit_eval_loss = 0;
  std::string precision;
  bool finished = false;  // false: written in the middle of the run
};

// config.json, generation_config.json, model.safetensors (F16), tokenizer.json, tokenizer_config.json, README.md. Each
// file is replaced atomically, the weights last but the card. Error(model) when a weight does not fit into fp16.
void export_model(const std::filesystem::path& folder, const LlamaModule& module, const nlohmann::json& tokenizer,
                  const TrainOptions& options, const TrainFigures& figures);

// A copy of a tensor as it is written, in F16 or F32. Error(model) naming the tensor when a value does not fit.
at::Tensor exported_copy(const std::string& name, const at::Tensor& tensor, bool half);

// The tensors in F16. Error(model) naming one that does not fit.
void write_half_weights(const std::filesystem::path& path, const NamedTensors& tensors);

// The README.md of the folder: what, how trained, on what, figures, SHA-256 of the weights.
std::string model_card(const TrainOptions& options, const LlamaModule& module, const TrainFigures& figures,
                       const std::string& sha256);

}  // namespace dynexec
