// The training run behind `dynexec train`.
#pragma once

#include <functional>
#include <string>

#include "train/export.hpp"
#include "train/options.hpp"

namespace dynexec {

// Told after each step; also the place where the caller learns that a checkpoint was resumed (step of the first call).
struct TrainProgress {
  std::int64_t step = 0, steps = 0, tokens = 0;
  double loss = 0, eval_loss = 0, learning_rate = 0, tokens_per_second = 0;
};

struct TrainReport {
  TrainFigures figures;
  std::string output;             // folder written
  std::int64_t resumed_from = 0;  // steps already done when this run started
};

// Trains, evaluates, checkpoints and exports as the options say; continues from the checkpoint in options.work when
// there is one. In fp32 with one thread an interrupted and resumed run ends with bitwise the same weights. Writes
// WORK/checkpoint.safetensors and WORK/loss.csv. `cancelled`, polled once a step, ends the run with a checkpoint and
// Error(interrupted). Error(internal) when the loss stops being finite.
TrainReport train(const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
                  const std::function<bool()>& cancelled);

}  // namespace dynexec
