// The best exits to test next, learnt from records: a table says for every exit, and every bin of its score, where to
// test next. It is found in two steps. Dynamic programming backwards from the network's end, as if the bins were the
// states of a Markov chain, weighs each head's cost against what leaving later costs. The chain forgets what earlier
// exits said and so takes every test for news; hence the second step, which replays the records and changes one entry
// after the other as long as the true cost falls. Our own design: it replaces the fixed forecast of Predictive Exit by
// what was seen.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "experiments/early_exit/course.hpp"
#include "experiments/early_exit/part_prices.hpp"

namespace dynexec::early_exit {

struct PlanOptions {
  std::int64_t bins = 8;  // of the scores below the threshold; with a price: of all scores
  // Of an answer that is not the whole network's, in costs of the whole network: an input leaves where the expected
  // price is not above the expected cost of going on. Empty: it leaves where the score reaches the threshold.
  std::optional<double> price = std::nullopt;
  // Inputs that all the bins together count as, next to those seen in a bin; bins with fewer are not changed by replay.
  double prior = 4;
};

// What a plan is made from. Costs are all of one unit.
struct PlanData {
  std::size_t samples = 0, exits = 0;
  std::vector<double> scores;         // [samples, exits]
  std::vector<char> agrees;           // [samples, exits]: answers as the whole network does
  std::vector<double> layers, heads;  // [exits + 1]: the layers up to an exit from the one before, and its head
  double threshold = 0;

  double score(std::size_t sample, std::size_t exit) const { return scores[sample * exits + exit]; }
  bool agree(std::size_t sample, std::size_t exit) const { return agrees[sample * exits + exit] != 0; }
};

class LearntPlan {
 public:
  struct State {
    bool leave = false;
    std::size_t next = 0;    // exit to test when staying; exits: the network's end
    std::size_t likely = 0;  // where most inputs in this state would leave first; exits: nowhere
    double cost = 0;         // expected, from here on, in the unit of the data
  };

  LearntPlan() = default;
  LearntPlan(const PlanData& data, const PlanOptions& options);
  // The first step alone.
  static LearntPlan markov(const PlanData& data, const PlanOptions& options);

  // The exit to test first, and the expected cost of an input.
  std::size_t first() const { return first_; }
  double cost() const { return cost_; }  // on the records; of markov(): expected
  // After a test with this score.
  const State& at(std::size_t exit, double score) const { return states_[exit][bin(exit, score)]; }
  std::size_t bin(std::size_t exit, double score) const;

 private:
  friend class PlanMaker;
  friend class PlanReplay;
  bool priced_ = false;
  std::vector<std::vector<double>> edges_;  // of each exit, ascending; bin b holds scores from edges[b - 1] on
  std::vector<std::vector<State>> states_;  // [exits][bins]; without a price the last bin holds what passes
  std::size_t first_ = 0;
  double cost_ = 0;
};

// A course along such a plan, made in fit(). The rule must not remember.
std::unique_ptr<Course> learnt_course(const PlanOptions& options, Saving saving, std::size_t exits);

}  // namespace dynexec::early_exit
