// What a multi-exit network's parts take: the layers up to each exit from the one before, and the heads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/early_exit/multi_exit.hpp"

namespace dynexec::early_exit {

class PartCosts {
 public:
  // Runs every part on the inputs in turn (three times at least, else for up to budget_ms) and takes medians.
  PartCosts(MultiExit& network, std::span<const std::any> inputs, double budget_ms);

  // A part's time as it was just seen: the costs follow a machine that drifts. Interruptions are left out.
  void observe_layers(std::size_t exit, double ms) { observe(layers_[exit], ms); }
  void observe_head(std::size_t exit, double ms) { observe(heads_[exit], ms); }

  // Share of the layers' multiply-accumulates that lie before an exit.
  double depth(std::size_t exit) const { return macs_to_[exit] / macs_to_.back(); }
  double layers_ms(std::size_t exit) const { return layers_[exit]; }
  double head_ms(std::size_t exit) const { return heads_[exit]; }

  // Modelled time of leaving at `exit` (exits(): the whole network) when the heads of `tested` exits ran, its own
  // included.
  double total_ms(std::size_t exit, std::span<const std::size_t> tested) const;

 private:
  static void observe(double& cost, double ms);

  std::vector<double> layers_, heads_;  // ms, by exit; the last entries are the rest of the network and its own head
  std::vector<double> macs_to_;         // of the layers up to each exit, summed over the inputs
};

}  // namespace dynexec::early_exit
