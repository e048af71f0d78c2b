#include "experiments/knobs.hpp"

#include <cmath>

namespace dynexec {

std::vector<double> score_thresholds() {
  std::vector<double> values{1.0};
  for (double odds = 7; odds > -2.6; odds -= 0.15) {
    const double score = 1 / (1 + std::exp(-odds));
    values.push_back(std::round(score * 1e4) / 1e4);  // as a person would write it
  }
  return values;
}

}  // namespace dynexec
