// The paths of a diffusion experiment.
#pragma once

#include <memory>

#include "experiments/diffusion/noise_task.hpp"
#include "experiments/diffusion/options.hpp"

namespace dynexec::diffusion {

struct Shared {
  std::shared_ptr<NoiseNetwork> network;
  std::shared_ptr<const NoiseTask> calibration;
  std::shared_ptr<const NoiseTask> task;  // for the oracle
  std::vector<PathOptions> paths;

  // Mean evaluations of a path on the calibration noises.
  double mean_evaluations(const PathOptions& path) const;
};

std::unique_ptr<Path> make_path(std::shared_ptr<const Shared> shared, PathOptions options);

}  // namespace dynexec::diffusion
