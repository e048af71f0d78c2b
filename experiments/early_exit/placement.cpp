#include "experiments/early_exit/placement.hpp"

#include <algorithm>
#include <numeric>

#include "experiments/early_exit/recorded.hpp"

namespace dynexec::early_exit {
namespace {

using Chosen = std::vector<char>;  // of each exit, whether it is asked

constexpr std::size_t kFarthestMove = 8;  // exits; farther ones are found as an addition and a removal

double cost_of(const PlacementData& data, const Chosen& chosen) {
  std::vector<char> stays(data.samples, 1);
  std::size_t left = data.samples;
  double cost = 0;
  for (std::size_t exit = 0; exit < chosen.size() && left > 0; ++exit) {
    cost += data.layers[exit] * static_cast<double>(left);
    if (!chosen[exit]) continue;
    cost += data.heads[exit] * static_cast<double>(left);
    const std::vector<char>& passes = data.passes[exit];
    for (std::size_t i = 0; i < data.samples; ++i)
      if (stays[i] && passes[i]) stays[i] = 0, --left;
  }
  cost += (data.layers.back() + data.heads.back()) * static_cast<double>(left);
  return cost / static_cast<double>(data.samples);
}

std::vector<std::size_t> exits_of(const Chosen& chosen) {
  std::vector<std::size_t> exits;
  for (std::size_t exit = 0; exit < chosen.size(); ++exit)
    if (chosen[exit]) exits.push_back(exit);
  return exits;
}

Chosen chosen_of(std::span<const std::size_t> exits, std::size_t count) {
  Chosen chosen(count, 0);
  for (const std::size_t exit : exits) chosen[exit] = 1;
  return chosen;
}

// Tries every single change, takes the best, until none helps.
double descend(const PlacementData& data, Chosen& chosen) {
  double best = cost_of(data, chosen);
  for (;;) {
    Chosen better;
    const auto attempt = [&] {
      const double cost = cost_of(data, chosen);
      if (cost < best) best = cost, better = chosen;
    };
    for (std::size_t exit = 0; exit < chosen.size(); ++exit) {
      chosen[exit] ^= 1;
      attempt();
      // With another one changed the other way round: a move.
      for (std::size_t other = exit - std::min(exit, kFarthestMove); other < exit; ++other) {
        if (chosen[other] != chosen[exit]) continue;
        chosen[other] ^= 1;
        attempt();
        chosen[other] ^= 1;
      }
      chosen[exit] ^= 1;
    }
    if (better.empty()) return best;
    chosen = better;
  }
}

class Placed : public Course {
 public:
  Placed(const PlacementOptions& options, std::size_t exits) : options_(options), network_exits_(exits) {}

  std::vector<std::size_t> candidates() const override {
    std::vector<std::size_t> all(network_exits_);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }
  void fit(const FitData& data, ExitRule& rule, double threshold) override {
    const RecordedExits& recorded = data.recorded;
    PartPrices prices = part_prices(data, options_.saving);
    PlacementData placement{.samples = recorded.samples(),
                            .passes = {network_exits_, std::vector<char>(recorded.samples())},
                            .layers = std::move(prices.layers),
                            .heads = std::move(prices.heads)};
    for (std::size_t exit = 0; exit < network_exits_; ++exit)
      for (std::size_t i = 0; i < recorded.samples(); ++i)
        placement.passes[exit][i] = rule.score(exit, exit_signals(recorded.logits(i, exit))) >= threshold ? 1 : 0;
    list_ = listed(options_.kind == Placement::search ? cheapest_placement(placement)
                                                      : optimised_placement(placement, options_.share),
                   network_exits_);
  }
  std::size_t first() const override { return list_->first(); }
  Next next(const Tested& tested, ExitRule& rule, double threshold) override {
    return list_->next(tested, rule, threshold);
  }
  std::unique_ptr<Course> clone() const override {
    auto copy = std::make_unique<Placed>(options_, network_exits_);
    copy->list_ = list_->clone();
    return copy;
  }

 private:
  PlacementOptions options_;
  std::size_t network_exits_;
  std::unique_ptr<Course> list_;
};

}  // namespace

std::vector<std::size_t> optimised_placement(const PlacementData& data, double share) {
  std::vector<std::size_t> kept;
  for (std::size_t exit = 0; exit < data.passes.size(); ++exit) {
    const std::vector<char>& passes = data.passes[exit];
    const double m = 1 - static_cast<double>(std::count(passes.begin(), passes.end(), static_cast<char>(1))) /
                             static_cast<double>(data.samples);
    const double gain =
        (share - m) * data.layers[exit + 1] - (1 - m) * data.heads[exit] - (1 - share) * data.layers[exit];
    if (gain >= 0) kept.push_back(exit);
  }
  return kept;
}

double placement_cost(const PlacementData& data, std::span<const std::size_t> exits) {
  return cost_of(data, chosen_of(exits, data.passes.size()));
}

std::vector<std::size_t> improved_placement(const PlacementData& data) {
  const std::size_t exits = data.passes.size();
  std::vector<Chosen> beginnings{Chosen(exits, 0), Chosen(exits, 1)};
  for (const std::size_t stride : std::initializer_list<std::size_t>{2, 3, 5}) {
    beginnings.emplace_back(exits, 0);
    for (std::size_t exit = stride - 1; exit < exits; exit += stride) beginnings.back()[exit] = 1;
  }
  Chosen best;
  double least = 0;
  for (Chosen& chosen : beginnings) {
    const double cost = descend(data, chosen);
    if (best.empty() || cost < least) least = cost, best = chosen;
  }
  return exits_of(best);
}

std::vector<std::size_t> cheapest_placement(const PlacementData& data) {
  const std::size_t exits = data.passes.size();
  if (exits > kMostExhaustive) return improved_placement(data);
  Chosen best;
  double least = 0;
  for (std::size_t subset = 0; subset < std::size_t{1} << exits; ++subset) {
    Chosen chosen(exits, 0);
    for (std::size_t exit = 0; exit < exits; ++exit) chosen[exit] = static_cast<char>(subset >> exit & 1);
    const double cost = cost_of(data, chosen);
    if (best.empty() || cost < least) least = cost, best = chosen;
  }
  return exits_of(best);
}

std::unique_ptr<Course> placed_course(const PlacementOptions& options, std::size_t exits) {
  return std::make_unique<Placed>(options, exits);
}

}  // namespace dynexec::early_exit
