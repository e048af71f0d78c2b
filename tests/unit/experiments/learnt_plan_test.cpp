// Plans learnt from records, against all the plans there are.
#include <doctest/doctest.h>

#include <cmath>

#include "base/random.hpp"
#include "experiments/early_exit/learnt_plan.hpp"
#include "scripted_network.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;
using namespace dynexec::fixture;

namespace {

constexpr std::size_t kExits = 3;

// Scores 0.2 (low), 0.5 (middle) or 0.95 (passes); from one exit to the next they stay with weight 2 of 4 and go to
// each of the others with weight 1. All the ways are written down, as often as they are likely, so that the records are
// exactly a Markov chain.
PlanData chain(std::vector<double> heads) {
  const double levels[] = {0.2, 0.5, 0.95};
  PlanData data{.samples = 0,
                .exits = kExits,
                .scores = {},
                .agrees = {},
                .layers = {10, 20, 30, 40},
                .heads = std::move(heads),
                .threshold = 0.9};
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 3; ++c)
        for (int copy = 0; copy < (a == b ? 2 : 1) * (b == c ? 2 : 1); ++copy)
          for (int luck = 0; luck < 4; ++luck) {
            data.scores.insert(data.scores.end(), {levels[a], levels[b], levels[c]});
            // The surer, the oftener right, whatever came before.
            for (const int level : {a, b, c}) data.agrees.push_back(luck <= 2 * level - 1 ? 1 : 0);
            ++data.samples;
          }
  return data;
}

// A plan written out: where to go first, and from each exit at a low and a middle score.
struct Written {
  std::size_t first;
  std::size_t next[kExits][2];
  int leaves = 0;  // with a price: bit 3 * exit + level
};

double cost_of(const PlanData& data, const Written& plan, double price) {
  double cost = 0;
  for (std::size_t i = 0; i < data.samples; ++i) {
    std::size_t at = 0, to = plan.first;
    for (;;) {
      for (; at <= to; ++at) cost += data.layers[at];
      cost += data.heads[to];
      if (to == kExits) break;
      const double score = data.score(i, to);
      const int level = score > 0.9 ? 2 : score > 0.4 ? 1 : 0;
      if (price > 0 ? (plan.leaves >> (3 * to + static_cast<std::size_t>(level)) & 1) != 0 : level == 2) {
        if (price > 0 && !data.agree(i, to)) cost += price;
        break;
      }
      to = level == 2 ? kExits : plan.next[to][level];
    }
  }
  return cost / static_cast<double>(data.samples);
}

double cheapest(const PlanData& data, double price) {
  double least = 1e300;
  Written plan{};
  for (plan.first = 0; plan.first <= kExits; ++plan.first)
    for (plan.next[0][0] = 1; plan.next[0][0] <= 3; ++plan.next[0][0])
      for (plan.next[0][1] = 1; plan.next[0][1] <= 3; ++plan.next[0][1])
        for (plan.next[1][0] = 2; plan.next[1][0] <= 3; ++plan.next[1][0])
          for (plan.next[1][1] = 2; plan.next[1][1] <= 3; ++plan.next[1][1]) {
            plan.next[2][0] = plan.next[2][1] = 3;
            for (plan.leaves = 0; plan.leaves < (price > 0 ? 512 : 1); ++plan.leaves)
              least = std::min(least, cost_of(data, plan, price));
          }
  return least;
}

// How often inputs with a score of the same bin answer otherwise than the network, drawn towards all inputs' share.
double wrong_share(const LearntPlan& plan, const PlanData& data, std::size_t exit, double score, double prior) {
  double members = 0, wrong = 0, all = 0;
  for (std::size_t i = 0; i < data.samples; ++i) {
    const double one = data.agree(i, exit) ? 0 : 1;
    all += one / static_cast<double>(data.samples);
    if (plan.bin(exit, data.score(i, exit)) != plan.bin(exit, score)) continue;
    members += 1;
    wrong += one;
  }
  return (wrong + prior * all) / (members + prior);
}

// What the data's inputs cost along a plan that was learnt, leaving included. price: in the unit of the data.
double cost_along(const LearntPlan& plan, const PlanData& data, double price, double prior) {
  double cost = 0;
  for (std::size_t i = 0; i < data.samples; ++i) {
    std::size_t at = 0, to = plan.first();
    for (;;) {
      for (; at <= to; ++at) cost += data.layers[at];
      cost += data.heads[to];
      if (to == data.exits) break;
      const LearntPlan::State& state = plan.at(to, data.score(i, to));
      if (state.leave) {
        cost += price * wrong_share(plan, data, to, data.score(i, to), prior);
        break;
      }
      to = state.next;
    }
  }
  return cost / static_cast<double>(data.samples);
}

}  // namespace

TEST_CASE("no plan over the same bins costs less") {
  for (const std::vector<double>& heads : {std::vector<double>{1, 1, 1, 1},
                                           {0, 0, 0, 0},
                                           {9, 1, 1, 2},
                                           {25, 25, 25, 5},
                                           {100, 100, 100, 1},
                                           {3, 30, 3, 3}}) {
    CAPTURE(heads[0]);
    const PlanData data = chain(heads);
    const PlanOptions options{.bins = 2, .price = std::nullopt, .prior = 0};
    const LearntPlan plan(data, options);
    CHECK(plan.cost() == doctest::Approx(cheapest(data, 0)));
    // The records are a Markov chain, so that the first step finds it.
    CHECK(LearntPlan::markov(data, options).cost() == doctest::Approx(plan.cost()));
    CHECK(plan.at(1, 0.95).leave);
    CHECK_FALSE(plan.at(1, 0.5).leave);
  }
  // Heads that cost more than the layers they might save are not asked at all.
  CHECK(LearntPlan(chain({100, 100, 100, 1}), {.bins = 2, .prior = 0}).first() == kExits);
}

TEST_CASE("with a price for other answers it also decides where to leave, and no plan costs less") {
  for (const double price : {0.01, 0.1, 0.5, 2.0, 50.0}) {
    CAPTURE(price);
    const PlanData data = chain({5, 5, 5, 5});
    const double whole = 10 + 20 + 30 + 40 + 5;
    const LearntPlan plan(data, {.bins = 3, .price = price, .prior = 0});
    // The written plans leave from what passes for the end at once, which a plan need not: it may only be cheaper.
    CHECK(plan.cost() <= cheapest(data, price * whole) + 1e-9);
    for (const double prior : {0.0, 4.0}) {
      CAPTURE(prior);
      const LearntPlan drawn(data, {.bins = 3, .price = price, .prior = prior});
      CHECK(drawn.cost() == doctest::Approx(cost_along(drawn, data, price * whole, prior)));
      // Half of all answers at the first exit are wrong: leaving there costs less than any way on.
      if (price == 0.01) CHECK(drawn.cost() == doctest::Approx(15 + 0.01 * whole * 0.5));
    }
  }
  const PlanData data = chain({5, 5, 5, 5});
  CHECK(LearntPlan(data, {.bins = 3, .price = 0, .prior = 0}).at(0, 0.2).leave);
  // Below one exit's price the cheapest is to leave at the first.
  CHECK(LearntPlan(data, {.bins = 3, .price = 0, .prior = 0}).cost() == doctest::Approx(15));
  CHECK_FALSE(LearntPlan(data, {.bins = 3, .price = 50, .prior = 0}).at(0, 0.2).leave);
}

TEST_CASE("the likely exit is where most of a bin pass first") {
  PlanData data = chain({1, 1, 1, 1});
  const LearntPlan plan(data, {.bins = 2, .prior = 0});
  // Three of four that are low at exit 0 do not pass at 1; of these (2 low, 1 middle) a quarter passes at 2.
  CHECK(plan.at(0, 0.2).likely == kExits);
  for (double& score : data.scores) score = score > 0.9 ? score : 0.2;
  for (std::size_t i = 0; i < data.samples; ++i) data.scores[i * kExits + 2] = 0.95;
  CHECK(LearntPlan(data, {.bins = 2, .prior = 0}).at(0, 0.2).likely == 2);
}

TEST_CASE("few records, equal scores and single bins make plans, too") {
  for (const std::int64_t bins : {1, 2, 50}) {
    PlanData data{
        .samples = 1, .exits = 2, .scores = {0.5, 0.5}, .agrees = {1, 1}, .layers = {1, 1, 1}, .heads = {1, 1, 1}};
    data.threshold = 0.9;
    const LearntPlan plan(data, {.bins = bins});
    CHECK(plan.first() == 2);
    CHECK(plan.at(0, 0.1).next == 2);
    CHECK(plan.at(0, 1.0).leave);
    data.threshold = 0.5;
    CHECK(LearntPlan(data, {.bins = bins}).first() == 0);
  }
}

TEST_CASE("along a learnt plan inputs cost what the plan says, and less than where every exit is tested") {
  // Ten exits: the earlier of them know nothing, one input in three is sure at exit 6, the others at 9 or never.
  std::vector<std::vector<Scripted::Answer>> script;
  for (int i = 0; i < 90; ++i) {
    std::vector<Scripted::Answer> exits;
    RandomStream noise(3, static_cast<std::uint64_t>(i), 0, 0);
    for (int exit = 0; exit < 10; ++exit) {
      const bool sure = (i % 3 == 0 && exit >= 6) || (i % 3 == 1 && exit == 9);
      exits.push_back({i % 4, sure ? 9.0f : static_cast<float>(noise.uniform() + (i % 3 == 0 ? 1.5 : 0))});
    }
    exits.push_back({i % 4, 9});
    script.push_back(std::move(exits));
  }
  Scripted network(script);
  std::vector<std::any> inputs;
  for (int i = 0; i < 90; ++i) inputs.push_back(input(i));
  const RecordedExits recorded(network, inputs);
  const auto mean_macs = [&](const std::string& yaml) {
    const std::string text = "model: {network: m}\npaths: [{name: full, method: full}, {name: p, " + yaml + "}]\n";
    const auto navigator = plain_navigator(read_options(config_node(text)).paths[1], 10, 4);
    navigator->fit({.recorded = recorded});
    double macs = 0;
    for (const std::any& one : inputs) macs += walk(network, *navigator, one).cost.macs / 90;
    return macs;
  };
  const double every = mean_macs("rule: confidence, threshold: 0.9"),
               placed = mean_macs("rule: confidence, threshold: 0.9, placement: search"),
               learnt = mean_macs("method: predictive_exit, engine: learnt, rule: confidence, threshold: 0.9, bins: 2");
  // 30 leave at 6 (with 7 tests), 30 at 9 (10), 30 at the end (11).
  CHECK(every == doctest::Approx((700 + 70 + 1000 + 100 + 1100 + 110) / 3.0));
  // At 6 and 9 only: 1, 2 and 3 tests.
  CHECK(placed == doctest::Approx((700 + 10 + 1000 + 20 + 1100 + 30) / 3.0));
  // No better exits are there. The scores at exits 0 to 5 tell the inputs apart, but say the same again and again:
  // taken for a Markov chain they seem worth several tests.
  CHECK(learnt == doctest::Approx(placed));
}
