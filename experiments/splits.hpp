// Which samples an experiment measures, and which its methods may learn from.
#pragma once

#include <memory>

#include "config/node.hpp"
#include "measure/contract.hpp"

namespace dynexec {

struct Splits {
  std::shared_ptr<const Task> measured, calibration;  // disjoint
};

// calibration.held_out: this share of the calibration samples, the last of them, is kept from the methods, for dynexec
// tune to test settings on. calibration.measure_held_out: measure these instead of the test samples, as dynexec tune
// does. Every family passes its tasks through here, so that what methods learn is the same when settings are chosen and
// when they are reported. Error(config) when there are too few samples for both.
Splits read_splits(const Node& root, std::shared_ptr<const Task> test, std::shared_ptr<const Task> calibration);

}  // namespace dynexec
