// One way to run a multi-exit network on a sample.
#pragma once

#include <memory>
#include <vector>

#include "experiments/early_exit/multi_exit.hpp"
#include "experiments/early_exit/options.hpp"
#include "experiments/early_exit/part_costs.hpp"

namespace dynexec::early_exit {

// What the paths of an experiment share.
struct Shared {
  std::unique_ptr<MultiExit> network;
  std::vector<std::any> calibration;  // inputs
  double calibration_ms = 1000;
  std::vector<PathOptions> paths;

  // Measured at the first call.
  PartCosts& costs();

 private:
  std::unique_ptr<PartCosts> costs_;
};

// A sample's way through the network.
struct Leaving {
  std::size_t exit = 0;  // exits(): the network's end
  int label = 0;
  std::vector<std::size_t> tested;  // exits whose heads ran, the last one included
};

// Follows an exit rule. observe: costs that are told how long every part took, or null; trace: a line for each test.
Leaving follow_rule(MultiExit& network, const PathOptions& options, ExitRule& rule, const std::any& input,
                    PartCosts* observe, std::vector<std::string>* trace);

std::unique_ptr<Path> make_path(std::shared_ptr<Shared> shared, PathOptions options);

}  // namespace dynexec::early_exit
