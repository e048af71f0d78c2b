// What a head's logits say.
#pragma once

#include <span>

namespace dynexec::early_exit {

struct ExitSignals {
  int label = 0;                  // the lowest index on ties
  double top = 0;                 // largest probability
  double margin = 0;              // largest minus second largest probability
  double certainty = 0;           // 1 - entropy / ln(classes)
  double peak = 0;                // largest size of a logit
  std::span<const float> logits;  // [classes], where they lay
};

ExitSignals exit_signals(std::span<const float> logits);

}  // namespace dynexec::early_exit
