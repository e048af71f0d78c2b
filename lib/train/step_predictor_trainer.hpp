// The training run of a step predictor behind `dynexec train`: draws pictures of many prompts at many step counts, and
// learns to tell from a prompt how many it needed.
#pragma once

#include <functional>
#include <string>

#include "train/step_predictor_export.hpp"
#include "train/step_predictor_options.hpp"

namespace dynexec {

struct StepTrainProgress {
  std::int64_t prompts = 0, of = 0;  // labelled
  std::int64_t pictures = 0;         // drawn for a prompt
};

struct StepTrainReport {
  std::string output;  // folder written
  StepFigures figures;
};

// Labels go to WORK/labels.csv as they are made; a run that was stopped continues there and ends with bitwise the same
// folder. `cancelled`, polled between prompts, ends the run with Error(interrupted).
StepTrainReport train_step_predictor(const StepPredictorOptions& options,
                                     const std::function<void(const StepTrainProgress&)>& progress,
                                     const std::function<bool()>& cancelled);
// The same with a model that is there; options.pipeline only names it.
StepTrainReport train_step_predictor(const StepPredictorOptions& options, const PictureModel& model,
                                     const std::function<void(const StepTrainProgress&)>& progress,
                                     const std::function<bool()>& cancelled);

}  // namespace dynexec
