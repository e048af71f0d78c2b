// From a config to the experiment that it describes.
#pragma once

#include <vector>

#include "config/node.hpp"
#include "experiments/knobs.hpp"
#include "measure/contract.hpp"

namespace dynexec {

// Builds the experiment that the config's `experiment:` names. Reads every section but `bench:`, `expect:` and `name:`.
// Throws Error(config) with "did you mean" for an unknown family, and whatever the family's build throws.
Experiment build_experiment(const Node& root);

// What can be tuned in it, without loading anything. Reads `paths` and what they need.
std::vector<Knob> experiment_knobs(const Node& root);

}  // namespace dynexec
