#include "experiments/early_exit/exit_rule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "experiments/early_exit/gate.hpp"
#include "experiments/early_exit/recorded.hpp"

namespace dynexec::early_exit {
namespace {

// Rules that read one of the signals.
class Signal : public ExitRule {
 public:
  explicit Signal(double ExitSignals::*signal) : signal_(signal) {}
  double score(std::size_t, const ExitSignals& signals) override { return signals.*signal_; }
  std::unique_ptr<ExitRule> clone() const override { return std::make_unique<Signal>(*this); }

 private:
  double ExitSignals::*signal_;
};

// The share of `patience` agreements with the exit before that have come in a row.
class Patience : public ExitRule {
 public:
  explicit Patience(std::int64_t patience) : patience_(patience) {}
  bool remembers() const override { return true; }
  void start() override { last_ = -1, run_ = 0; }
  double score(std::size_t, const ExitSignals& signals) override {
    run_ = signals.label == last_ ? run_ + 1 : 0;
    last_ = signals.label;
    return std::min(1.0, static_cast<double>(run_) / static_cast<double>(patience_));
  }
  std::unique_ptr<ExitRule> clone() const override { return std::make_unique<Patience>(*this); }

 private:
  std::int64_t patience_, run_ = 0;
  int last_ = -1;
};

// The share of `votes` that are for the leading class; ties go to the class that got there first.
class Vote : public ExitRule {
 public:
  Vote(const RuleOptions& options, std::size_t classes)
      : votes_(static_cast<double>(options.patience)), weighted_(options.weighted), counts_(classes) {}
  bool remembers() const override { return true; }
  void start() override {
    std::fill(counts_.begin(), counts_.end(), 0.0);
    leader_ = 0;
  }
  double score(std::size_t, const ExitSignals& signals) override {
    const auto label = static_cast<std::size_t>(signals.label);
    counts_[label] += weighted_ ? signals.top : 1;
    if (counts_[label] > counts_[leader_]) leader_ = label;
    return std::min(1.0, counts_[leader_] / votes_);
  }
  int label(const ExitSignals&) const override { return static_cast<int>(leader_); }
  std::unique_ptr<ExitRule> clone() const override { return std::make_unique<Vote>(*this); }

 private:
  double votes_;
  bool weighted_;
  std::vector<double> counts_;
  std::size_t leader_ = 0;
};

// Predictive Exit (arXiv 2206.04685): the largest logit over the exit's own scale, the size of the mean logit over the
// fitting images and classes. Cross-entropy leaves the mean of the logits free, so that it may come out near zero and
// everything would pass: hence the floor.
class Logit : public ExitRule {
 public:
  Logit(double floor, std::size_t exits) : floor_(floor), scale_(exits, 1.0) {}
  void fit(const RecordedExits& recorded, std::span<const std::size_t>) override {
    for (std::size_t exit = 0; exit < scale_.size(); ++exit) {
      double sum = 0, size = 0;
      for (std::size_t i = 0; i < recorded.samples(); ++i)
        for (const float logit : recorded.logits(i, exit)) {
          sum += static_cast<double>(logit);
          size += std::abs(static_cast<double>(logit));
        }
      const auto count = static_cast<double>(recorded.samples() * recorded.classes());
      scale_[exit] = std::max({std::abs(sum) / count, floor_ * size / count, std::numeric_limits<double>::min()});
    }
  }
  double score(std::size_t exit, const ExitSignals& signals) override { return signals.peak / scale_[exit]; }
  std::unique_ptr<ExitRule> clone() const override { return std::make_unique<Logit>(*this); }

 private:
  double floor_;
  std::vector<double> scale_;
};

}  // namespace

std::unique_ptr<ExitRule> make_rule(const RuleOptions& options, const RuleRequest& request) {
  if (options.name == "entropy") return std::make_unique<Signal>(&ExitSignals::certainty);
  if (options.name == "confidence") return std::make_unique<Signal>(&ExitSignals::top);
  if (options.name == "margin") return std::make_unique<Signal>(&ExitSignals::margin);
  if (options.name == "patience") return std::make_unique<Patience>(options.patience);
  if (options.name == "vote") return std::make_unique<Vote>(options, request.classes);
  if (options.name == "gate") return make_gate(options.ridge, request);
  if (options.name == "logit") return std::make_unique<Logit>(options.floor, request.exits);
  throw Error(ErrorKind::internal, "unknown exit rule '" + options.name + "'", "", "");
}

}  // namespace dynexec::early_exit
