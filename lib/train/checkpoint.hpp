// Checkpoints of a run: parameters, optimiser state, step and stream position in one safetensors file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/batches.hpp"

namespace dynexec {

struct CheckpointState {
  std::int64_t step = 0;    // steps done
  std::int64_t tokens = 0;  // text tokens seen, without padding
  double seconds = 0;       // wall time spent training, all runs together
  double smooth_loss = -1;  // running mean of the training loss; < 0: none yet
  StreamPosition stream;
  std::string fingerprint;  // of the options that must not change between runs
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Atomic: a kill leaves the previous checkpoint.
void save_checkpoint(const std::filesystem::path& path, const NamedTensors& tensors, const CheckpointState& state);

// Fills `tensors` in place and returns the state; nullopt when there is no file. Error(model) for a broken file,
// Error(config) when it belongs to a run with another fingerprint.
std::optional<CheckpointState> load_checkpoint(const std::filesystem::path& path, const NamedTensors& tensors,
                                               const std::string& fingerprint);

}  // namespace dynexec
