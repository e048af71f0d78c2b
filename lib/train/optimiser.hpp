// AdamW with decoupled decay on matrices, and clipping of the global gradient norm.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "train/options.hpp"

namespace dynexec {

class AdamW {
 public:
  using Named = std::vector<std::pair<std::string, at::Tensor>>;
  AdamW(const Named& parameters, const OptimiserOptions& options);

  // Scales gradients so that their global norm is at most options.clip; returns the norm before. Not finite: the
  // caller should stop.
  double clip_gradients();
  void step(double learning_rate);
  void clear_gradients();

  // Moments and step counts, named "PARAMETER.m", ".v" and ".t": with the parameters, everything that a checkpoint
  // needs.
  Named state() const;

 private:
  struct Group {
    double decay = 0;
    std::vector<at::Tensor> parameters, first, second, steps;
  };
  OptimiserOptions options_;
  Group groups_[2];  // decayed, not decayed
  Named state_;
};

}  // namespace dynexec
