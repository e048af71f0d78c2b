// When to leave: every rule turns what an exit's head says into a score in [0, 1] and leaves at `threshold`.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dynexec::early_exit {

// What a head's logits say.
struct ExitSignals {
  int label = 0;         // the lowest index on ties
  double top = 0;        // largest probability
  double margin = 0;     // largest minus second largest probability
  double certainty = 0;  // 1 - entropy / ln(classes)
};
ExitSignals exit_signals(std::span<const float> logits);

struct RuleOptions {
  std::string name = "confidence";
  double threshold = 0.9;     // of the score
  std::int64_t patience = 2;  // patience: consecutive exits that agree; vote: exits that agree, in any order
};

class ExitRule {
 public:
  virtual ~ExitRule() = default;
  virtual void start() {}
  // The score after another exit's head was asked, for exits in ascending order.
  virtual double score(std::size_t exit, const ExitSignals& signals) = 0;
  // The answer to give when leaving now: the head's own, or what the exits so far agree on.
  virtual int label(const ExitSignals& signals) const { return signals.label; }
};

// entropy (BranchyNet, DeeBERT; normalised), confidence (largest probability), margin, patience (PABEE), vote.
const std::vector<std::string>& rule_names();
// classes: of the network. Unknown names are an internal error: options are checked where they are read.
std::unique_ptr<ExitRule> make_rule(const RuleOptions& options, std::size_t classes);

}  // namespace dynexec::early_exit
