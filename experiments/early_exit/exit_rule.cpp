#include "experiments/early_exit/exit_rule.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace dynexec::early_exit {
namespace {

class Entropy : public ExitRule {
  double score(std::size_t, const ExitSignals& signals) override { return signals.certainty; }
};

class Confidence : public ExitRule {
  double score(std::size_t, const ExitSignals& signals) override { return signals.top; }
};

class Margin : public ExitRule {
  double score(std::size_t, const ExitSignals& signals) override { return signals.margin; }
};

// The share of `patience` agreements with the exit before that have come in a row.
class Patience : public ExitRule {
 public:
  explicit Patience(std::int64_t patience) : patience_(patience) {}
  void start() override { last_ = -1, run_ = 0; }
  double score(std::size_t, const ExitSignals& signals) override {
    run_ = signals.label == last_ ? run_ + 1 : 0;
    last_ = signals.label;
    return std::min(1.0, static_cast<double>(run_) / static_cast<double>(patience_));
  }

 private:
  std::int64_t patience_, run_ = 0;
  int last_ = -1;
};

// The share of `votes` exits that are for the leading class; ties go to the class that got there first.
class Vote : public ExitRule {
 public:
  Vote(std::int64_t votes, std::size_t classes) : votes_(votes), counts_(classes) {}
  void start() override {
    std::fill(counts_.begin(), counts_.end(), 0);
    leader_ = 0;
  }
  double score(std::size_t, const ExitSignals& signals) override {
    const auto label = static_cast<std::size_t>(signals.label);
    ++counts_[label];
    if (counts_[label] > counts_[leader_]) leader_ = label;
    return std::min(1.0, static_cast<double>(counts_[leader_]) / static_cast<double>(votes_));
  }
  int label(const ExitSignals&) const override { return static_cast<int>(leader_); }

 private:
  std::int64_t votes_;
  std::vector<std::int64_t> counts_;
  std::size_t leader_ = 0;
};

}  // namespace

ExitSignals exit_signals(std::span<const float> logits) {
  ExitSignals signals;
  std::size_t first = 0;
  for (std::size_t k = 1; k < logits.size(); ++k)
    if (logits[k] > logits[first]) first = k;
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

const std::vector<std::string>& rule_names() {
  static const std::vector<std::string> names{"entropy", "confidence", "margin", "patience", "vote"};
  return names;
}

std::unique_ptr<ExitRule> make_rule(const RuleOptions& options, std::size_t classes) {
  if (options.name == "entropy") return std::make_unique<Entropy>();
  if (options.name == "confidence") return std::make_unique<Confidence>();
  if (options.name == "margin") return std::make_unique<Margin>();
  if (options.name == "patience") return std::make_unique<Patience>(options.patience);
  if (options.name == "vote") return std::make_unique<Vote>(options.patience, classes);
  throw Error(ErrorKind::internal, "unknown exit rule '" + options.name + "'", "", "");
}

}  // namespace dynexec::early_exit
