// The training run of a classifier of scenes behind `dynexec train`.
#pragma once

#include <functional>
#include <string>

#include "train/scene_classifier_figures.hpp"
#include "train/scene_classifier_options.hpp"

namespace dynexec {

struct SceneClassifierProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0, promises = 0;  // promises: SceneFigures::promises of the last evaluation
  double pictures_per_second = 0;
};

struct SceneClassifierReport {
  std::string output;             // folder written, for PictureClassifier::load()
  std::int64_t resumed_from = 0;  // steps already done when this run started
  SceneFigures figures;
};

// Trains, evaluates, checkpoints and exports as the options say; continues from WORK/checkpoint.safetensors when there
// is one: with one thread an interrupted and resumed run ends with bitwise the same weights. Writes WORK/loss.csv,
// whose tokens are pictures. `cancelled`, polled once a step, ends the run with a checkpoint and Error(interrupted).
SceneClassifierReport train_scene_classifier(const SceneClassifierOptions& options,
                                             const std::function<void(const SceneClassifierProgress&)>& progress,
                                             const std::function<bool()>& cancelled);

}  // namespace dynexec
