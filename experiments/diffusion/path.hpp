// The paths of a diffusion experiment.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "experiments/diffusion/options.hpp"
#include "experiments/diffusion/picture_task.hpp"
#include "experiments/diffusion/quantised_model.hpp"
#include "experiments/diffusion/step_forecaster.hpp"

namespace dynexec::diffusion {

struct Shared {
  std::shared_ptr<const PictureModel> model;                              // as the folder holds it
  std::map<QuantisedWeights, std::shared_ptr<QuantisedModel>> quantised;  // in the formats that paths have
  std::shared_ptr<const PictureTask> pictures;  // compares; its samples need not be the measured ones
  std::shared_ptr<const Task> measured, calibration;
  std::vector<PathOptions> paths;
  std::map<std::string, std::shared_ptr<StepForecaster>> forecasters;  // by folder

  // What a path draws with.
  const PictureModel& model_of(const PathOptions& path) const {
    return path.weights ? quantised.at(*path.weights)->get() : *model;
  }
  // Mean multiply-accumulates of a path on the calibration samples.
  double mean_macs(const PathOptions& path) const;
};

std::unique_ptr<Path> make_path(std::shared_ptr<const Shared> shared, PathOptions options);

}  // namespace dynexec::diffusion
