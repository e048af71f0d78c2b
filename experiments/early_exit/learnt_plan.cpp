#include "experiments/early_exit/learnt_plan.hpp"

#include <algorithm>
#include <limits>

namespace dynexec::early_exit {

// Fills a plan from the last exit to the first.
class PlanMaker {
 public:
  PlanMaker(LearntPlan& plan, const PlanData& data, const PlanOptions& options)
      : plan_(plan), data_(data), options_(options) {
    plan_.priced_ = options.price.has_value();
    cut_bins();
    reach_.assign(data.exits + 1, 0.0);
    for (std::size_t exit = 0; exit <= data.exits; ++exit)
      reach_[exit] = data.layers[exit] + (exit > 0 ? reach_[exit - 1] : 0);
    whole_ = reach_.back() + data.heads.back();
    bins_.resize(data.samples * data.exits);
    for (std::size_t i = 0; i < data.samples; ++i)
      for (std::size_t exit = 0; exit < data.exits; ++exit)
        bins_[i * data.exits + exit] = plan_.bin(exit, data.score(i, exit));
    plan_.states_.resize(data.exits);
    for (std::size_t exit = data.exits; exit-- > 0;) decide(exit);
    enter();
  }

 private:
  std::size_t bin(std::size_t sample, std::size_t exit) const { return bins_[sample * data_.exits + exit]; }
  bool passes(std::size_t exit, std::size_t bin) const { return !plan_.priced_ && bin == plan_.edges_[exit].size(); }
  std::size_t count_bins(std::size_t exit) const { return plan_.edges_[exit].size() + 1; }

  void cut_bins() {
    plan_.edges_.resize(data_.exits);
    for (std::size_t exit = 0; exit < data_.exits; ++exit) {
      std::vector<double> scores;
      for (std::size_t i = 0; i < data_.samples; ++i)
        if (plan_.priced_ || data_.score(i, exit) < data_.threshold) scores.push_back(data_.score(i, exit));
      std::sort(scores.begin(), scores.end());
      std::vector<double>& edges = plan_.edges_[exit];
      const auto bins = static_cast<std::size_t>(options_.bins);
      for (std::size_t b = 1; b < bins && !scores.empty(); ++b) {
        const double edge = scores[b * scores.size() / bins];
        if (edge > scores.front() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
      }
      if (!plan_.priced_) edges.push_back(data_.threshold);
    }
  }

  // What it costs to go from behind one exit (-1: the input) to the test at another.
  double step(std::int64_t from, std::size_t to) const {
    return reach_[to] - (from >= 0 ? reach_[static_cast<std::size_t>(from)] : 0) + data_.heads[to];
  }
  double value(std::size_t exit, std::size_t bin) const {
    return passes(exit, bin) ? 0 : plan_.states_[exit][bin].cost;
  }

  // Inputs by their bin at `exit` that are at stake: those which have not passed there.
  std::vector<std::vector<std::size_t>> members(std::size_t exit) const {
    std::vector<std::vector<std::size_t>> all(count_bins(exit));
    for (std::size_t i = 0; i < data_.samples; ++i) all[bin(i, exit)].push_back(i);
    if (!plan_.priced_) all.back().clear();
    return all;
  }

  void decide(std::size_t exit) {
    const auto groups = members(exit);
    std::vector<LearntPlan::State>& states = plan_.states_[exit];
    states.resize(groups.size());
    // The end of the network needs no transition.
    for (LearntPlan::State& state : states)
      state = {.next = data_.exits, .cost = step(static_cast<std::int64_t>(exit), data_.exits)};
    for (std::size_t to = exit + 1; to < data_.exits; ++to) {
      // Mean value at `to` of each group, drawn towards that of all.
      double all = 0, count = 0;
      std::vector<double> sums(groups.size(), 0.0);
      for (std::size_t b = 0; b < groups.size(); ++b) {
        for (const std::size_t i : groups[b]) sums[b] += value(to, bin(i, to));
        all += sums[b];
        count += static_cast<double>(groups[b].size());
      }
      if (count == 0) continue;
      for (std::size_t b = 0; b < groups.size(); ++b) {
        const double members = static_cast<double>(groups[b].size());
        if (members + options_.prior <= 0) continue;
        const double later = (sums[b] + options_.prior * all / count) / (members + options_.prior);
        const double cost = step(static_cast<std::int64_t>(exit), to) + later;
        if (cost < states[b].cost) states[b].cost = cost, states[b].next = to;
      }
    }
    if (plan_.priced_)
      leave_where_cheaper(exit, groups);
    else
      states.back().leave = true;
  }

  void leave_where_cheaper(std::size_t exit, const std::vector<std::vector<std::size_t>>& groups) {
    const auto wrong = [&](const std::vector<std::size_t>& group) {
      return static_cast<double>(
          std::count_if(group.begin(), group.end(), [&](std::size_t i) { return !data_.agree(i, exit); }));
    };
    double all = 0;
    for (const auto& group : groups) all += wrong(group);
    for (std::size_t b = 0; b < groups.size(); ++b) {
      const double members = static_cast<double>(groups[b].size());
      const double share =
          (wrong(groups[b]) + options_.prior * all / static_cast<double>(data_.samples)) / (members + options_.prior);
      const double price = *options_.price * whole_ * share;
      LearntPlan::State& state = plan_.states_[exit][b];
      state.leave = price <= state.cost;
      state.cost = std::min(price, state.cost);
    }
  }

  void enter() {
    plan_.first_ = data_.exits;
    plan_.cost_ = whole_;
    for (std::size_t to = 0; to < data_.exits; ++to) {
      double later = 0;
      for (std::size_t i = 0; i < data_.samples; ++i) later += value(to, bin(i, to));
      const double cost = step(-1, to) + later / static_cast<double>(data_.samples);
      if (cost < plan_.cost_) plan_.cost_ = cost, plan_.first_ = to;
    }
  }

  LearntPlan& plan_;
  const PlanData& data_;
  const PlanOptions& options_;
  std::vector<double> reach_;      // layers from the input to an exit
  double whole_ = 0;               // the whole network
  std::vector<std::size_t> bins_;  // [samples, exits]
};

LearntPlan LearntPlan::markov(const PlanData& data, const PlanOptions& options) {
  LearntPlan plan;
  PlanMaker(plan, data, options);
  return plan;
}

std::size_t LearntPlan::bin(std::size_t exit, double score) const {
  const std::vector<double>& edges = edges_[exit];
  return static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), score) - edges.begin());
}

}  // namespace dynexec::early_exit
