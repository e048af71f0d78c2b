// The families of networks that may be left early, each with the task that fits it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "experiments/early_exit/multi_exit.hpp"
#include "measure/contract.hpp"

namespace dynexec::early_exit {

struct LoadedNetwork {
  std::unique_ptr<MultiExit> network;
  std::shared_ptr<const Task> test, calibration;  // disjoint
  std::vector<Provenance> provenance;             // of the model, then of data files
};

// Loads the model folder, whose config.json tells the family, and the config's `task` and `calibration`. Error(model)
// for another family or a network without exits.
LoadedNetwork load_network(const Node& root, const std::string& folder);

}  // namespace dynexec::early_exit
