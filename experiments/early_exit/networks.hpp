// The families of networks that may be left early, each with the task that fits it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "experiments/early_exit/multi_exit.hpp"
#include "experiments/early_exit/options.hpp"
#include "measure/contract.hpp"

namespace dynexec::early_exit {

struct LoadedNetwork {
  std::map<std::string, std::unique_ptr<MultiExit>> networks;  // by the name of the weight format
  std::shared_ptr<const Task> test, calibration;               // disjoint
  std::vector<Provenance> provenance;                          // of the model, then of data files
};

// Loads the model folder, whose config.json tells the family, in every format that a path runs in, and the config's
// `task` and `calibration`. Where the folder's weights are quantised, the paths' fp32 becomes the folder's format.
// Error(model) for another family or a network without exits, Error(config) for a format that the family or the folder
// does not have.
LoadedNetwork load_network(const Node& root, Options& options);

}  // namespace dynexec::early_exit
