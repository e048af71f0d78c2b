// Trains exit heads on a network whose own weights stay as they are (DeeBERT's second stage), or network and heads
// together (BranchyNet).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/exit_options.hpp"

namespace dynexec {

struct ExitTrainProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0, images_per_second = 0;  // loss: mean over the heads
};

struct ExitTrainReport {
  std::string output;              // folder written
  std::int64_t resumed_from = 0;   // steps already done when this run started
  std::vector<double> accuracies;  // of each head on the evaluation images
  double full_accuracy = 0;        // of the network's own head there
};

// Minimises the sum of the heads' cross-entropies, and the network's own where it is trained, checkpoints, and writes
// the output folder: the network's tensors and config.json with the heads added, README.md. A run that was interrupted
// continues from WORK/checkpoint.safetensors. `cancelled`, polled once a step, ends the run with a checkpoint and
// Error(interrupted).
ExitTrainReport train_exits(const ExitTrainOptions& options,
                            const std::function<void(const ExitTrainProgress&)>& progress,
                            const std::function<bool()>& cancelled);

}  // namespace dynexec
