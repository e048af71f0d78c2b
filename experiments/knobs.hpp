// The settings of a config's paths that `dynexec tune` may choose.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/node.hpp"

namespace dynexec {

// One scalar setting of one path.
struct Knob {
  std::size_t path = 0;  // its place in `paths:`
  std::string name;      // the path's name
  std::string key;       // of the path's mapping, "threshold"
  // From the most careful to the fastest. The first should behave as the baseline does, so that there is a value which
  // passes any test; in other weights than the baseline's, as it would in them.
  std::vector<double> values;
  // Whether the output may change with it; else only its speed counts.
  bool lossy = true;
};

// Thresholds of a score in [0, 1] from 1 down, evenly spaced in log odds: dense where classifiers' scores crowd.
std::vector<double> score_thresholds();

}  // namespace dynexec
