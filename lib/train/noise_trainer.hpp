// Trains a text-conditioned diffusion model on captioned scenes (Ho, Jain, Abbeel 2020; Salimans and Ho 2022; captions
// left out at times: Ho and Salimans 2022).
#pragma once

#include <functional>
#include <string>

#include "train/noise_options.hpp"

namespace dynexec {

struct NoiseTrainProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0, eval_loss = -1, pictures_per_second = 0;  // eval_loss < 0: none yet
};

struct NoiseTrainReport {
  std::string output;             // pipeline folder written
  std::int64_t resumed_from = 0;  // steps already done when this run started
  double loss = 0, eval_loss = 0;
};

// A run that was interrupted continues from WORK/checkpoint.safetensors. `cancelled`, polled once a step, ends the run
// with a checkpoint and Error(interrupted).
NoiseTrainReport train_diffusion(const NoiseTrainOptions& options,
                                 const std::function<void(const NoiseTrainProgress&)>& progress,
                                 const std::function<bool()>& cancelled);

}  // namespace dynexec
