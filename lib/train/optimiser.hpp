// AdamW with decoupled decay on matrices, Muon for the hidden layers' matrices, and clipping of the global gradient
// norm.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "train/options.hpp"

namespace dynexec {

class Optimiser {
 public:
  using Named = std::vector<std::pair<std::string, at::Tensor>>;
  // `row_blocks` names the hidden layers' matrices, with the row counts of the matrices that are fused in each; they
  // are what Muon updates. Everything else, and everything without Muon, is AdamW's.
  Optimiser(const Named& parameters, const std::map<std::string, std::vector<std::int64_t>>& row_blocks,
            const OptimiserOptions& options, bool bf16);

  // Scales gradients so that their global norm is at most options.clip; returns the norm before. Not finite: the
  // caller should stop.
  double clip_gradients();
  // `each` may run the matrices' updates, which are independent, on several threads; without it they run in turn.
  using Each = std::function<void(std::int64_t count, const std::function<void(std::int64_t)>& work)>;
  void step(double learning_rate, const Each& each = {});
  void clear_gradients();

  // Moments and step counts, named "PARAMETER.m", ".v" and ".t" (Muon: ".m" alone): with the parameters, everything
  // that a checkpoint needs.
  Named state() const { return state_; }

 private:
  struct Group {
    double decay = 0;
    std::vector<at::Tensor> parameters, first, second, steps;
  };
  struct Matrix {
    at::Tensor parameter, momentum;
    std::vector<std::int64_t> row_blocks;
  };
  void step_matrix(Matrix& matrix, double learning_rate);

  OptimiserOptions options_;
  bool bf16_;
  Group groups_[2];  // AdamW's: decayed, not decayed
  std::vector<Matrix> matrices_;
  std::vector<at::Tensor> parameters_;
  Named state_;
};

}  // namespace dynexec
