#include "experiments/early_exit/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "experiments/early_exit/logistic.hpp"
#include "experiments/early_exit/recorded.hpp"

namespace dynexec::early_exit {
namespace {

constexpr std::size_t kFeatures = 5;
constexpr double kMostLogOdds = 12;

class Gate : public ExitRule {
 public:
  Gate(double ridge, const RuleRequest& request)
      : ridge_(ridge),
        remembers_(request.may_remember),
        weights_(request.exits, std::vector<double>(kFeatures + 1, 0.0)) {}

  bool remembers() const override { return remembers_; }
  void start() override { last_ = -1; }

  void fit(const RecordedExits& recorded, std::span<const std::size_t> exits) override {
    std::vector<LogisticData> data(weights_.size(), {.features = kFeatures, .x = {}, .y = {}});
    for (std::size_t i = 0; i < recorded.samples(); ++i) {
      const int answer = exit_signals(recorded.logits(i, recorded.exits())).label;
      start();
      for (const std::size_t exit : exits) {
        const ExitSignals signals = exit_signals(recorded.logits(i, exit));
        const auto x = features(signals);
        data[exit].x.insert(data[exit].x.end(), x.begin(), x.end());
        data[exit].y.push_back(signals.label == answer ? 1 : 0);
        last_ = signals.label;
      }
    }
    for (const std::size_t exit : exits) weights_[exit] = fit_logistic(data[exit], ridge_);
  }

  double score(std::size_t exit, const ExitSignals& signals) override {
    const auto x = features(signals);
    last_ = signals.label;
    return logistic_probability(weights_[exit], x);
  }
  std::unique_ptr<ExitRule> clone() const override { return std::make_unique<Gate>(*this); }

 private:
  std::array<double, kFeatures> features(const ExitSignals& signals) const {
    const double odds = std::log(signals.top) - std::log1p(-std::min(signals.top, 1 - 1e-12));
    return {signals.top, std::clamp(odds, -kMostLogOdds, kMostLogOdds) / kMostLogOdds, signals.margin,
            signals.certainty, remembers_ && signals.label == last_ ? 1.0 : 0.0};
  }

  double ridge_;
  bool remembers_;
  std::vector<std::vector<double>> weights_;  // of each exit
  int last_ = -1;                             // the answer of the exit tested before
};

}  // namespace

std::unique_ptr<ExitRule> make_gate(double ridge, const RuleRequest& request) {
  return std::make_unique<Gate>(ridge, request);
}

}  // namespace dynexec::early_exit
