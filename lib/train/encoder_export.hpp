// Writing a trained encoder as a model folder in Hugging Face layout, with its exits.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/encoder_module.hpp"
#include "train/encoder_options.hpp"
#include "train/encoder_source.hpp"

namespace dynexec {

struct EncoderFigures {
  std::int64_t steps = 0, tokens = 0;
  double seconds = 0, loss = -1;
  std::map<std::string, std::vector<double>> accuracies;  // as in EncoderTrainReport
};

// config.json of a BERT of these sizes, and tokenizer_config.json of a word tokenizer for it.
nlohmann::json bert_config(const EncoderConfig& config);
nlohmann::json word_tokenizer_config(const EncoderConfig& config);

// The encoder's tensors as they are, with these heads in F32; what else the folder has of heads is left out.
void write_with_heads(const std::filesystem::path& path, const ModelFolder& start, const Optimiser::Named& heads);

// config.json, model.safetensors, tokenizer.json, tokenizer_config.json, README.md. Each file is replaced atomically.
// Weights are stored in F16, Error(model) when one does not fit; where the heads alone were trained, the encoder's
// tensors are stored as they were, the heads' in F32.
void export_encoder(const EncoderModule& module, const EncoderSource& source, const EncoderTrainOptions& options,
                    const EncoderFigures& figures);

}  // namespace dynexec
