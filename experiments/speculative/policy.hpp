// How long a draft becomes: the decision rules, each with the state that it adapts within a sequence.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/speculative/drafter.hpp"

namespace dynexec::speculative {

// State starts afresh with every sequence, so that any row of a run can be replayed alone.
class LengthPolicy {
 public:
  virtual ~LengthPolicy() = default;
  virtual void start() {}
  // Most tokens that this round may draft; 0 switches speculation off for the round.
  virtual std::int64_t cap() const = 0;
  // Asked before the drafter computes token drafted + 1.
  virtual bool try_next(std::int64_t drafted) { return (void)drafted, true; }
  // Asked with the distribution known and the token not yet drawn; false drops it (its cost is spent).
  virtual bool keep(std::int64_t drafted, const DraftSignal& signal) { return (void)drafted, (void)signal, true; }
  // Asked after token number `drafted` was drawn: false ends the draft; the token stays in it.
  virtual bool go_on(std::int64_t drafted, const DraftToken& token) { return (void)drafted, (void)token, true; }
  virtual void observe(std::int64_t drafted, std::int64_t accepted) { (void)drafted, (void)accepted; }
  virtual bool needs_signals() const { return false; }
};

struct PolicyOptions {
  std::string name = "constant";
  std::int64_t length = 5;       // constant: the length; heuristic: the initial one
  std::int64_t max_length = 16;  // of the dynamic policies
  double threshold = 0.4;        // confidence: q; svip: 0.3; draft_verify and adaedl: the initial one
  double entropy_weight = 0.2;   // adaedl and cost_aware: 1 - sqrt(w * H); svip: sqrt(w * H), 0.15 there
};

// Measured costs of one target/drafter pair, in ms (costs.hpp).
struct CostTable {
  std::vector<double> verify_ms;  // [m - 1]: target pass over m rows, as the drafter's verify() runs it
  double decode_ms = 0;           // a plain one-token pass of the target
  double draft_ms = 0;            // one drafted token
  double draft_prefill_ms = 0;    // what the first draft of a sequence costs on top: the drafter reads the prompt
  double round_ms(std::int64_t previews, std::int64_t drafted) const;
  // Rows beyond the table are extrapolated from its last two entries.
  double verify(std::int64_t rows) const;
};

// A monotone map from a drafter's signal to the probability of acceptance, fitted on the calibration split by isotonic
// regression (pool adjacent violators).
class AcceptanceCurve {
 public:
  struct Observation {
    double signal = 0;
    bool accepted = false;
  };
  // Fewer than `min_observations` give the constant curve of the mean (or 0.5 without any).
  static AcceptanceCurve fit(std::vector<Observation> observations, std::size_t min_observations = 20);
  double operator()(double signal) const;
  double mean() const { return mean_; }
  // The curve's value at each observation that it was fitted on; the mean alone when there was none.
  const std::vector<double>& sample() const { return sample_; }

 private:
  std::vector<double> knots_, values_;
  std::vector<double> sample_{0.5};
  double mean_ = 0.5;
};

// Names of all policies, for config errors and `list`.
std::vector<std::string> policy_names();
// Whether the policy reads entropy or probabilities (impossible with prompt lookup, except for cost_aware).
bool policy_needs_distribution(const std::string& name);

std::unique_ptr<LengthPolicy> make_policy(const PolicyOptions& options);
// The cost-aware stop (cost_aware.cpp). costs and curve must outlive the policy.
std::unique_ptr<LengthPolicy> make_cost_aware_policy(const PolicyOptions& options, const CostTable& costs,
                                                     const AcceptanceCurve& curve);

}  // namespace dynexec::speculative
