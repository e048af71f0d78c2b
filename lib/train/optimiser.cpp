#include "train/optimiser.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "train/orthogonalise.hpp"

namespace dynexec {

Optimiser::Optimiser(const Named& parameters, const std::map<std::string, std::vector<std::int64_t>>& row_blocks,
                     const OptimiserOptions& options, bool bf16)
    : options_(options), bf16_(bf16) {
  groups_[0].decay = options.weight_decay;
  for (const auto& [name, tensor] : parameters) {
    parameters_.push_back(tensor);
    const auto blocks = row_blocks.find(name);
    if (options.kind == "muon" && blocks != row_blocks.end()) {
      matrices_.push_back({tensor, at::zeros_like(tensor.detach()), blocks->second});
      state_.emplace_back(name + ".m", matrices_.back().momentum);
      continue;
    }
    Group& group = groups_[tensor.dim() >= 2 ? 0 : 1];
    group.parameters.push_back(tensor);
    group.first.push_back(at::zeros_like(tensor.detach()));
    group.second.push_back(at::zeros_like(tensor.detach()));
    group.steps.push_back(at::zeros({}));
    state_.insert(
        state_.end(),
        {{name + ".m", group.first.back()}, {name + ".v", group.second.back()}, {name + ".t", group.steps.back()}});
  }
}

double Optimiser::clip_gradients() {
  const c10::NoGradGuard no_grad;
  double square = 0;
  for (const at::Tensor& parameter : parameters_) {
    const double norm = parameter.grad().norm().item<double>();
    square += norm * norm;
  }
  const double norm = std::sqrt(square);
  if (options_.clip > 0 && norm > options_.clip) {
    for (const at::Tensor& parameter : parameters_) parameter.mutable_grad().mul_(options_.clip / norm);
  }
  return norm;
}

void Optimiser::step(double learning_rate, const Each& each) {
  const c10::NoGradGuard no_grad;
  for (Group& group : groups_) {
    if (group.parameters.empty()) continue;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : group.parameters) gradients.push_back(parameter.grad());
    for (at::Tensor& count : group.steps) count.add_(1);
    at::_fused_adamw_(group.parameters, gradients, group.first, group.second, {}, group.steps, learning_rate,
                      options_.beta1, options_.beta2, group.decay, options_.epsilon, false, false);
  }
  const auto update = [&](std::int64_t i) { step_matrix(matrices_[static_cast<std::size_t>(i)], learning_rate); };
  const auto count = static_cast<std::int64_t>(matrices_.size());
  if (each) {
    each(count, update);
  } else {
    for (std::int64_t i = 0; i < count; ++i) update(i);
  }
}

// Nesterov momentum, orthogonalised matrix by matrix. The scale gives every entry about the size of an AdamW update
// (Liu et al. 2025, "Muon is scalable", section 2.2), so that one learning rate and decay serve both.
void Optimiser::step_matrix(Matrix& matrix, double learning_rate) {
  const c10::NoGradGuard no_grad;
  constexpr double kUpdateSize = 0.2;
  const at::Tensor& gradient = matrix.parameter.grad();
  matrix.momentum.mul_(options_.momentum).add_(gradient);
  // The kernels of a convolution are the rows of a matrix.
  const at::Tensor direction = (gradient + options_.momentum * matrix.momentum).flatten(1);
  const at::Tensor parameter = matrix.parameter.flatten(1);
  matrix.parameter.mul_(1 - learning_rate * options_.weight_decay);
  std::int64_t row = 0;
  for (const std::int64_t rows : matrix.row_blocks) {
    const double size = kUpdateSize * std::sqrt(static_cast<double>(std::max(rows, direction.size(1))));
    parameter.narrow(0, row, rows).sub_(orthogonalise(direction.narrow(0, row, rows), bf16_), learning_rate * size);
    row += rows;
  }
}

void Optimiser::clear_gradients() {
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

}  // namespace dynexec
