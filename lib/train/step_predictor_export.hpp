// Writing a trained step predictor as a model folder, and what it is worth.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "models/step_predictor.hpp"
#include "train/step_labels.hpp"
#include "train/step_module.hpp"
#include "train/step_predictor_options.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// Predictions held against labels.
struct StepScores {
  double error = 0;       // mean absolute, in steps
  double within_one = 0;  // share at most one value of the grid away
  double under = 0;       // share of too few steps
  double mean = 0;        // predicted steps
  double quality = 0;     // mean of the labels' at so many steps
};
// Values of the grid.
StepScores score_steps(std::span<const std::int64_t> grid, std::span<const std::int64_t> predicted,
                       std::span<const StepLabel> labels);

// Mean quality of these prompts' pictures with `steps` for all of them, between two counts of the grid in proportion.
double quality_at(std::span<const std::int64_t> grid, std::span<const StepLabel> labels, double steps);

struct StepFigures {
  std::int64_t prompts = 0;                        // evaluated
  StepScores labels, predictor, length, constant;  // labels: of hindsight
  double same_mean_quality = 0;     // of the predictor's mean number of steps for all, between the counts of the grid
  double macs = 0;                  // of one prediction, on average
  std::int64_t best_step = 0;       // of the training
  double loss = 0, prior_loss = 0;  // on the validation prompts: of the best weights, and of those at the start
};

struct StepExport {
  StepPredictorConfig config;
  EncoderConfig encoder;
  std::optional<ModelFolder> start;  // of a frozen encoder
  nlohmann::json tokenizer;
  std::string prompts, sampler, reference;  // for the card
};

// config.json, model.safetensors (F16; a frozen encoder's tensors as they are, the head in F32), tokenizer.json.
void export_step_predictor(const StepModule& module, const StepExport& exported, const StepPredictorOptions& options);
// README.md.
void write_step_card(const StepExport& exported, const StepPredictorOptions& options, const StepFigures& figures);

}  // namespace dynexec
