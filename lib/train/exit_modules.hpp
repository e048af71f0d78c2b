// Exit heads that can be trained; what they compute is what models/exit_heads.hpp computes.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "train/backbone.hpp"
#include "train/exit_options.hpp"
#include "train/optimiser.hpp"

namespace dynexec {

class ExitModules {
 public:
  // Seeded random heads on these units of the network.
  ExitModules(const Backbone& network, std::vector<std::size_t> units, const ExitTrainOptions& options);

  const std::vector<std::size_t>& units() const { return units_; }
  // map: [batch, size, size, channels] of the head's unit -> logits [batch, classes].
  at::Tensor forward(std::size_t head, const at::Tensor& map) const;
  // exits.<unit>.<part>, trainable.
  const Optimiser::Named& parameters() const { return parameters_; }

 private:
  const at::Tensor& part(std::size_t head, const std::string& name) const;
  void add(std::size_t head, const std::string& name, at::Tensor value);

  std::vector<std::size_t> units_;
  bool bag_of_features_;
  Optimiser::Named parameters_;
};

}  // namespace dynexec
