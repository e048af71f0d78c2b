#include "experiments/speculative/cost_aware.hpp"

#include <algorithm>
#include <cmath>

namespace dynexec::speculative {
namespace {

// Joint acceptance probabilities on a logarithmic grid: cell i stands for kRatio^i, the last one for all below.
constexpr std::size_t kCells = 256;
constexpr double kRatio = 0.98;

double joint_of(std::size_t cell) {
  return std::pow(kRatio, static_cast<double>(cell));
}

// How many cells a factor moves a joint probability down; most tokens are too sure to move it a whole one.
double cells_down(double factor) {
  return std::log(std::max(factor, 1e-12)) / std::log(kRatio);
}

// A place between two cells, the shares of both adding up to 1.
struct Place {
  Place(std::size_t from, double down) {
    const double exact = std::min(static_cast<double>(from) + std::max(0.0, down), static_cast<double>(kCells - 1));
    lower = std::min(static_cast<std::size_t>(exact), kCells - 2);
    upper_share = exact - static_cast<double>(lower);
  }
  double value(const std::vector<double>& values) const {
    return (1 - upper_share) * values[lower] + upper_share * values[lower + 1];
  }
  std::size_t lower;
  double upper_share;
};

// Quantiles stand for the whole sample: the rule depends on the distribution only.
std::vector<double> quantiles(std::vector<double> values) {
  constexpr std::size_t kQuantiles = 32;
  std::sort(values.begin(), values.end());
  std::vector<double> result;
  for (std::size_t i = 0; i < kQuantiles; ++i) result.push_back(values[(2 * i + 1) * values.size() / (2 * kQuantiles)]);
  return result;
}

class CostAware : public LengthPolicy {
 public:
  CostAware(const PolicyOptions& options, const CostTable& costs, const AcceptanceCurve& curve,
            std::vector<double> acceptance)
      : curve_(curve), rule_(costs, std::move(acceptance), options.max_length), max_(options.max_length) {}

  std::int64_t cap() const override { return max_; }
  bool try_next(std::int64_t drafted) override {
    if (drafted == 0) joint_ = 1;
    return rule_.worth_trying(drafted, joint_);
  }
  bool keep(std::int64_t drafted, const DraftSignal& signal) override {
    joint_ *= curve_(signal.top_probability);
    return rule_.worth_adding(drafted, joint_);
  }
  bool needs_signals() const override { return true; }

 private:
  const AcceptanceCurve& curve_;
  StoppingRule rule_;
  std::int64_t max_;
  double joint_ = 1;
};

}  // namespace

StoppingRule::StoppingRule(const CostTable& costs, std::vector<double> acceptance, std::int64_t max_length)
    : max_length_(max_length) {
  std::vector<double> downs = quantiles(std::move(acceptance));
  for (double& a : downs) a = cells_down(a);
  const auto lengths = static_cast<std::size_t>(max_length);
  try_value_.assign(lengths + 1, std::vector<double>(kCells, 0));
  add_value_.assign(lengths, std::vector<double>(kCells, 0));
  rate_ = 1 / costs.round_ms(0, 0);
  for (int iteration = 0; iteration < 30; ++iteration) {
    solve(costs, downs);
    const double next = expected_rate(costs, downs);
    if (std::abs(next - rate_) <= 1e-9 * rate_) break;
    rate_ = next;
  }
}

std::size_t StoppingRule::cell(double joint) {
  return std::min(kCells - 1, static_cast<std::size_t>(std::lround(std::max(0.0, cells_down(joint)))));
}

bool StoppingRule::worth_trying(std::int64_t k, double joint) const {
  return k < max_length_ && try_value_[static_cast<std::size_t>(k)][cell(joint)] > 0;
}

bool StoppingRule::worth_adding(std::int64_t k, double joint) const {
  return k < max_length_ && add_value_[static_cast<std::size_t>(k)][cell(joint)] > 0;
}

void StoppingRule::solve(const CostTable& costs, const std::vector<double>& downs) {
  for (std::size_t k = add_value_.size(); k-- > 0;) {
    const auto drafted = static_cast<std::int64_t>(k);
    const double marginal = costs.round_ms(0, drafted + 1) - costs.round_ms(0, drafted);
    for (std::size_t i = 0; i < kCells; ++i)
      add_value_[k][i] = std::max(0.0, joint_of(i) - rate_ * marginal + try_value_[k + 1][i]);
    for (std::size_t i = 0; i < kCells; ++i) {
      double expected = 0;
      for (const double down : downs) expected += Place(i, down).value(add_value_[k]);
      expected /= static_cast<double>(downs.size());
      try_value_[k][i] = std::max(0.0, expected - rate_ * costs.draft_ms);
    }
  }
}

double StoppingRule::expected_rate(const CostTable& costs, const std::vector<double>& downs) const {
  // Forward pass over the reachable states: weight[cell] is the probability of having drafted k tokens so.
  std::vector<double> weight(kCells, 0);
  weight[0] = 1;
  double tokens = 1, cost = 0;
  for (std::size_t k = 0; k <= add_value_.size(); ++k) {
    const auto drafted = static_cast<std::int64_t>(k);
    std::vector<double> next(kCells, 0);
    for (std::size_t i = 0; i < kCells; ++i) {
      if (weight[i] == 0) continue;
      if (k == add_value_.size() || try_value_[k][i] <= 0) {
        cost += weight[i] * costs.round_ms(drafted, drafted);
        continue;
      }
      for (const double down : downs) {
        const Place place(i, down);
        for (const std::size_t j : {place.lower, place.lower + 1}) {
          const double part = j == place.lower ? 1 - place.upper_share : place.upper_share;
          const double share = weight[i] * part / static_cast<double>(downs.size());
          if (add_value_[k][j] > 0) {
            next[j] += share;
            tokens += share * joint_of(j);
          } else {
            cost += share * costs.round_ms(drafted + 1, drafted);
          }
        }
      }
    }
    weight = std::move(next);
  }
  return tokens / cost;
}

std::unique_ptr<LengthPolicy> make_cost_aware_policy(const PolicyOptions& options, const CostTable& costs,
                                                     const AcceptanceCurve& curve) {
  return std::make_unique<CostAware>(options, costs, curve, curve.sample());
}

}  // namespace dynexec::speculative
