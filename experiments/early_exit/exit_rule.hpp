// When to leave: every rule turns what an exit's head says into a score, and an input leaves where the score reaches
// the threshold.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/early_exit/exit_signals.hpp"

namespace dynexec::early_exit {

class RecordedExits;

struct RuleOptions {
  std::string name = "confidence";
  double threshold = 0.9;     // of the score, which lies in [0, 1]; logit: the factor beta
  std::int64_t patience = 2;  // patience: consecutive exits that agree; vote: exits that agree, in any order
  bool weighted = false;      // vote: a vote counts as much as its probability
  double ridge = 1;           // gate: weight of the penalty
  // logit: a mean logit counts as at least this share of the mean size of the logits.
  double floor = 0.1;
};

class ExitRule {
 public:
  virtual ~ExitRule() = default;
  // Learns what is learnt, for use at these exits.
  virtual void fit(const RecordedExits& recorded, std::span<const std::size_t> exits) { (void)recorded, (void)exits; }
  // Whether the score depends on the exits that were tested before.
  virtual bool remembers() const { return false; }
  virtual void start() {}
  // The score after another exit's head was asked, for exits in ascending order.
  virtual double score(std::size_t exit, const ExitSignals& signals) = 0;
  // The answer to give when leaving now: the head's own, or what the exits so far agree on.
  virtual int label(const ExitSignals& signals) const { return signals.label; }
  virtual std::unique_ptr<ExitRule> clone() const = 0;
};

struct RuleRequest {
  std::size_t classes = 0, exits = 0;  // of the network
  // Whether the rule may look at the exits tested before, as the gate likes to.
  bool may_remember = true;
};
// entropy (BranchyNet, DeeBERT; normalised), confidence (largest probability), margin, patience (PABEE), vote, gate
// (logistic regression, see gate.hpp), logit (Predictive Exit: largest logit over the exit's mean logit). Other names
// are an internal error: options are checked where they are read.
std::unique_ptr<ExitRule> make_rule(const RuleOptions& options, const RuleRequest& request);

}  // namespace dynexec::early_exit
