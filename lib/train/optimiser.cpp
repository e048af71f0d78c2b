#include "train/optimiser.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <cmath>

namespace dynexec {

AdamW::AdamW(const Named& parameters, const OptimiserOptions& options) : options_(options) {
  groups_[0].decay = options.weight_decay;
  for (const auto& [name, tensor] : parameters) {
    Group& group = groups_[tensor.dim() >= 2 ? 0 : 1];
    group.parameters.push_back(tensor);
    group.first.push_back(at::zeros_like(tensor.detach()));
    group.second.push_back(at::zeros_like(tensor.detach()));
    group.steps.push_back(at::zeros({}));
    state_.insert(state_.end(), {{name + ".m", group.first.back()},
                                 {name + ".v", group.second.back()},
                                 {name + ".t", group.steps.back()}});
  }
}

AdamW::Named AdamW::state() const { return state_; }

double AdamW::clip_gradients() {
  const c10::NoGradGuard no_grad;
  double square = 0;
  for (const Group& group : groups_) {
    for (const at::Tensor& parameter : group.parameters) {
      const double norm = parameter.grad().norm().item<double>();
      square += norm * norm;
    }
  }
  const double norm = std::sqrt(square);
  if (options_.clip > 0 && norm > options_.clip) {
    for (const Group& group : groups_) {
      for (const at::Tensor& parameter : group.parameters) parameter.mutable_grad().mul_(options_.clip / norm);
    }
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  const c10::NoGradGuard no_grad;
  for (Group& group : groups_) {
    if (group.parameters.empty()) continue;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : group.parameters) gradients.push_back(parameter.grad());
    for (at::Tensor& count : group.steps) count.add_(1);
    at::_fused_adamw_(group.parameters, gradients, group.first, group.second, {}, group.steps, learning_rate,
                      options_.beta1, options_.beta2, group.decay, options_.epsilon, false, false);
  }
}

void AdamW::clear_gradients() {
  for (Group& group : groups_) {
    for (at::Tensor& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

}  // namespace dynexec
