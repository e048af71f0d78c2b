// The typed form of an early-exit experiment's config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "experiments/early_exit/course.hpp"
#include "experiments/early_exit/exit_rule.hpp"
#include "experiments/early_exit/learnt_plan.hpp"
#include "experiments/early_exit/placement.hpp"
#include "experiments/modelled_energy.hpp"
#include "models/layer_formats.hpp"

namespace dynexec::early_exit {

enum class Method { full, early_exit, predictive, fixed, random, oracle };
const char* method_name(Method method);

struct PathOptions {
  std::string name;
  Method method = Method::full;
  LayerFormats weights;              // of the network that the path runs
  RuleOptions rule;                  // early_exit, predictive
  std::int64_t start_exit = 0;       // the first exit that is tested; predictive: below zero for three tenths of them
  std::vector<std::int64_t> tested;  // early_exit: the exits that are tested; empty: all from start_exit on
  PlacementOptions placement;        // early_exit
  EngineOptions engine;              // predictive; its start_exit is filled in when the network is known
  bool single_jump = false;          // predictive
  PlanOptions plan;                  // predictive, engine learnt
  Saving saving = Saving::macs;      // the same
  std::int64_t exit = -1;            // fixed; below zero: as deep as `like` on the average
  std::string like;  // random, fixed: the path, in the same weights, whose exits are drawn from or whose depth is met
  GovernorConfig governor;
  Node node;  // for errors that need the loaded network

  // The place of the key that says in which weights the path runs, for errors. Only where it says another than fp32.
  Node weights_key(const Node& root) const;
  std::string describe() const;
};

struct Options {
  std::string network;  // model folder
  double calibration_ms = 1000;
  std::vector<PathOptions> paths;  // [0] is the whole network
};

// Reads `model`, the rest of `calibration`, and `paths`; Error(config) with place and remedy.
Options read_options(const Node& root);
// Error(config) for a path that is like one in other weights: what a control does is recorded from the path that it is
// like. `paths` with the weights that the network's folder gives them.
void require_same_weights(const std::vector<PathOptions>& paths);

}  // namespace dynexec::early_exit
