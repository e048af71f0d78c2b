// The prompts that a step predictor is trained and evaluated on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/step_predictor_options.hpp"

namespace dynexec {

struct StepPrompts {
  std::vector<std::string> texts;  // those to train on, then those to evaluate on
  std::size_t training = 0;
  std::vector<std::vector<std::string>> wordings;  // [training]: texts that need as many steps, first the text itself
  std::string description;                         // for the card
};

// Error(config) for too few prompts, and what reading a file throws. A prompt that comes again in a file counts once.
StepPrompts open_step_prompts(const StepPromptOptions& options);

// A tokenizer.json of words for a new encoder: those of scene captions, or those that come at least twice in the
// prompts to train on.
nlohmann::json step_tokenizer(const StepPromptOptions& options, const StepPrompts& prompts);

}  // namespace dynexec
