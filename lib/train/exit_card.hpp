// The README.md of a multi-exit network's folder.
#pragma once

#include <string>
#include <vector>

#include "train/exit_options.hpp"

namespace dynexec {

struct ExitFigures {
  std::string origin, data;
  std::vector<std::string> places;  // of the heads
  std::vector<double> accuracies;   // of the heads on the evaluation images
  double full_accuracy = 0;
  std::int64_t steps = 0;
  double seconds = 0, loss = 0;
  std::string sha256;
};

std::string exit_card(const ExitTrainOptions& options, const ExitFigures& figures);

}  // namespace dynexec
