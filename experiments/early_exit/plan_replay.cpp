// The second step of a learnt plan: descent on what the records really cost.
#include <algorithm>
#include <numeric>

#include "experiments/early_exit/learnt_plan.hpp"
#include "experiments/early_exit/placement.hpp"

namespace dynexec::early_exit {
namespace {

constexpr int kMostSweeps = 50;
constexpr double kSmallGain = 1e-9;  // of the cost

}  // namespace

class PlanReplay {
 public:
  PlanReplay(LearntPlan plan, const PlanData& data, const PlanOptions& options)
      : plan_(std::move(plan)), data_(data), fewest_(std::max(1.0, options.prior)), reach_(data.layers) {
    std::partial_sum(reach_.begin(), reach_.end(), reach_.begin());
    price_ = options.price.value_or(0) * (reach_.back() + data.heads.back());
    bins_.resize(data.samples * data.exits);
    for (std::size_t i = 0; i < data.samples; ++i)
      for (std::size_t exit = 0; exit < data.exits; ++exit)
        bins_[i * data.exits + exit] = plan_.bin(exit, data.score(i, exit));
    for (std::size_t exit = 0; exit < data.exits; ++exit) wrong_.push_back(wrong_shares(exit, options.prior));
  }

  // Makes all states go on along these exits.
  void go_along(const std::vector<std::size_t>& exits) {
    plan_.first_ = exits.empty() ? data_.exits : exits.front();
    for (std::size_t exit = 0; exit < data_.exits; ++exit) {
      const auto behind = std::upper_bound(exits.begin(), exits.end(), exit);
      for (LearntPlan::State& state : plan_.states_[exit]) state.next = behind == exits.end() ? data_.exits : *behind;
    }
  }
  // Makes states leave whose inputs answer otherwise than the network at most this often.
  void leave_below(double share) {
    for (std::size_t exit = 0; exit < data_.exits; ++exit)
      for (std::size_t b = 0; b < wrong_[exit].size(); ++b) plan_.states_[exit][b].leave = wrong_[exit][b] <= share;
  }

  LearntPlan descend() {
    double cost = total();
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      for (std::size_t exit = data_.exits; exit-- > 0;) improve(exit);
      improve_first();
      const double now = total();
      if (now >= cost * (1 - kSmallGain)) break;
      cost = now;
    }
    plan_.cost_ = total() / static_cast<double>(data_.samples);
    for (std::size_t exit = 0; exit < data_.exits; ++exit) find_likely(exit);
    return std::move(plan_);
  }

 private:
  std::size_t bin(std::size_t sample, std::size_t exit) const { return bins_[sample * data_.exits + exit]; }
  const LearntPlan::State& state(std::size_t sample, std::size_t exit) const {
    return plan_.states_[exit][bin(sample, exit)];
  }
  double leaving(std::size_t sample, std::size_t exit) const { return price_ * wrong_[exit][bin(sample, exit)]; }

  // How often each bin's inputs answer otherwise than the network, drawn towards all inputs' share: a bin that has seen
  // no such answer is not free of them. Inputs' own answers would be learnt by heart.
  std::vector<double> wrong_shares(std::size_t exit, double prior) const {
    std::vector<double> wrong(plan_.states_[exit].size(), 0.0), members(wrong);
    double all = 0;
    for (std::size_t i = 0; i < data_.samples; ++i) {
      const double one = data_.agree(i, exit) ? 0 : 1;
      members[bin(i, exit)] += 1;
      wrong[bin(i, exit)] += one;
      all += one / static_cast<double>(data_.samples);
    }
    for (std::size_t b = 0; b < wrong.size(); ++b)
      wrong[b] = (wrong[b] + prior * all) / std::max(1.0, members[b] + prior);
    return wrong;
  }
  double step(std::size_t from, std::size_t to) const { return reach_[to] - reach_[from] + data_.heads[to]; }

  // What an input costs behind the test at `exit`.
  double rest(std::size_t sample, std::size_t exit) const {
    double cost = 0;
    while (exit < data_.exits) {
      const LearntPlan::State& here = state(sample, exit);
      if (here.leave) return cost + leaving(sample, exit);
      cost += step(exit, here.next);
      exit = here.next;
    }
    return cost;
  }
  double from_start(std::size_t sample, std::size_t first) const {
    return reach_[first] + data_.heads[first] + rest(sample, first);
  }
  double total() const {
    double cost = 0;
    for (std::size_t i = 0; i < data_.samples; ++i) cost += from_start(i, plan_.first_);
    return cost;
  }

  bool visits(std::size_t sample, std::size_t exit) const {
    std::size_t at = plan_.first_;
    while (at < exit && !state(sample, at).leave) at = state(sample, at).next;
    return at == exit;
  }

  // The best that the states of one exit can do while all the others stay as they are. Only the inputs that come by are
  // touched, so that the total cannot rise.
  void improve(std::size_t exit) {
    std::vector<std::vector<std::size_t>> groups(plan_.states_[exit].size());
    for (std::size_t i = 0; i < data_.samples; ++i)
      if (visits(i, exit)) groups[bin(i, exit)].push_back(i);
    for (std::size_t b = 0; b < groups.size(); ++b) {
      LearntPlan::State& here = plan_.states_[exit][b];
      if (static_cast<double>(groups[b].size()) < fewest_ || (here.leave && !plan_.priced_)) continue;
      double best = 0;
      for (const std::size_t i : groups[b]) best += rest(i, exit);
      const double enough = best * kSmallGain;
      const auto take = [&](double cost, bool leave, std::size_t next) {
        if (cost >= best - enough) return;
        best = cost;
        here.leave = leave;
        here.next = next;
      };
      for (std::size_t to = exit + 1; to <= data_.exits; ++to) {
        double cost = 0;
        for (const std::size_t i : groups[b]) cost += step(exit, to) + rest(i, to);
        take(cost, false, to);
      }
      if (!plan_.priced_) continue;
      double cost = 0;
      for (const std::size_t i : groups[b]) cost += leaving(i, exit);
      take(cost, true, here.next);
    }
  }

  void improve_first() {
    double best = total();
    for (std::size_t first = 0; first <= data_.exits; ++first) {
      double cost = 0;
      for (std::size_t i = 0; i < data_.samples; ++i) cost += from_start(i, first);
      if (cost < best) best = cost, plan_.first_ = first;
    }
  }

  // Where most inputs of each state would leave if every exit behind were tested.
  void find_likely(std::size_t exit) {
    std::vector<std::vector<std::size_t>> counts(plan_.states_[exit].size(),
                                                 std::vector<std::size_t>(data_.exits + 1, 0));
    for (std::size_t i = 0; i < data_.samples; ++i) {
      std::size_t to = exit + 1;
      while (to < data_.exits && !state(i, to).leave) ++to;
      ++counts[bin(i, exit)][to];
    }
    for (std::size_t b = 0; b < counts.size(); ++b)
      plan_.states_[exit][b].likely =
          static_cast<std::size_t>(std::max_element(counts[b].begin(), counts[b].end()) - counts[b].begin());
  }

  LearntPlan plan_;
  const PlanData& data_;
  double fewest_, price_ = 0;
  std::vector<double> reach_;               // layers from the input to an exit
  std::vector<std::size_t> bins_;           // [samples, exits]
  std::vector<std::vector<double>> wrong_;  // [exits][bins]: see wrong_shares()
};

LearntPlan::LearntPlan(const PlanData& data, const PlanOptions& options) {
  const LearntPlan chain = markov(data, options);
  *this = PlanReplay(chain, data, options).descend();
  const auto keep_cheaper = [&](PlanReplay replay) {
    LearntPlan other = replay.descend();
    if (other.cost() < cost_) *this = std::move(other);
  };
  if (!options.price) {
    // The exits that are best for all inputs are a plan, too.
    PlacementData placement{.samples = data.samples,
                            .passes = {data.exits, std::vector<char>(data.samples)},
                            .layers = data.layers,
                            .heads = data.heads};
    for (std::size_t exit = 0; exit < data.exits; ++exit)
      for (std::size_t i = 0; i < data.samples; ++i)
        placement.passes[exit][i] = data.score(i, exit) >= data.threshold ? 1 : 0;
    PlanReplay replay(chain, data, options);
    replay.go_along(cheapest_placement(placement));
    keep_cheaper(std::move(replay));
    return;
  }
  std::vector<std::size_t> every(data.exits);
  std::iota(every.begin(), every.end(), std::size_t{0});
  for (const double share : {0.0, 0.01, 0.03, 0.1, 0.3}) {
    PlanReplay replay(chain, data, options);
    replay.go_along(every);
    replay.leave_below(share);
    keep_cheaper(std::move(replay));
  }
}

}  // namespace dynexec::early_exit
