// Where an encoder's training texts, tokenizer and sizes come from.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/text_classes.hpp"
#include "train/encoder_options.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

struct EncoderTexts {
  // Text number `index` of an endless stream; `progress` of the run in [0, 1] decides what a curriculum holds back.
  std::function<LabelledText(std::uint64_t index, double progress)> draw;
  std::vector<Sample> evaluation;  // texts that are never drawn
  std::string description;         // for the card
};

struct EncoderSource {
  EncoderTexts texts;
  nlohmann::json tokenizer;
  std::optional<ModelFolder> start;  // what the run starts with
  EncoderConfig config;              // vocabulary and classes included
  EncoderExitConfig exits;
  std::string inputs;  // hashes of all this, for the fingerprint
};

// Throws Error(config) for options that do not fit together, and what reading files throws.
EncoderSource open_encoder_source(const EncoderTrainOptions& options);

}  // namespace dynexec
