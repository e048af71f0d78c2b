// The typed form of an early-exit experiment's config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "experiments/early_exit/exit_rule.hpp"

namespace dynexec::early_exit {

enum class Method { full, early_exit, fixed, random };

struct PathOptions {
  std::string name;
  Method method = Method::full;
  RuleOptions rule;                  // early_exit
  std::int64_t start_exit = 0;       // early_exit: the first exit that is tested
  std::vector<std::int64_t> tested;  // early_exit: the exits that are tested; empty: all from start_exit on
  std::int64_t exit = 0;             // fixed
  std::string like;                  // random: the path whose exits are drawn from
  Node node;                         // for errors that need the loaded network

  std::string describe() const;
};

struct Options {
  std::string network;  // model folder
  double calibration_ms = 1000;
  std::vector<PathOptions> paths;  // [0] is the whole network
};

// Reads `model`, the rest of `calibration`, and `paths`; Error(config) with place and remedy.
Options read_options(const Node& root);

}  // namespace dynexec::early_exit
