#include "experiments/early_exit/exit_signals.hpp"

#include <algorithm>
#include <cmath>

namespace dynexec::early_exit {

ExitSignals exit_signals(std::span<const float> logits) {
  ExitSignals signals;
  signals.logits = logits;
  std::size_t first = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (logits[k] > logits[first]) first = k;
    signals.peak = std::max(signals.peak, std::abs(static_cast<double>(logits[k])));
  }
  double sum = 0, weighted = 0, second = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    const double shifted = static_cast<double>(logits[k]) - static_cast<double>(logits[first]);
    const double weight = std::exp(shifted);
    sum += weight;
    weighted += weight * shifted;
    if (k != first) second = std::max(second, weight);
  }
  signals.label = static_cast<int>(first);
  signals.top = 1 / sum;
  signals.margin = (1 - second) / sum;
  const double entropy = std::log(sum) - weighted / sum;
  const double most = std::log(static_cast<double>(logits.size()));
  signals.certainty = most > 0 ? std::clamp(1 - entropy / most, 0.0, 1.0) : 1;
  return signals;
}

}  // namespace dynexec::early_exit
