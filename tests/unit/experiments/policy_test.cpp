#include "experiments/speculative/policy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "experiments/speculative/cost_aware.hpp"
#include "experiments/speculative/hindsight.hpp"

using namespace dynexec;
using namespace dynexec::speculative;

namespace {

DraftToken token_with(double confidence, double entropy = 0) {
  return {.token = 0, .confidence = confidence, .signal = {.entropy = entropy, .top_probability = confidence}};
}

CostTable costs_of(double decode, double row, double draft, int rows = 17) {
  CostTable costs;
  costs.decode_ms = decode;
  costs.draft_ms = draft;
  for (int m = 1; m <= rows; ++m) costs.verify_ms.push_back(decode + row * (m - 1));
  return costs;
}

// Long-run tokens per ms of drafting always k tokens, each accepted with probability a.
double constant_rate(const CostTable& costs, double a, int k) {
  return (1 - std::pow(a, k + 1)) / (1 - a) / costs.round_ms(k, k);
}

double best_constant_rate(const CostTable& costs, double a, int max_length) {
  double best = 0;
  for (int k = 0; k <= max_length; ++k) best = std::max(best, constant_rate(costs, a, k));
  return best;
}

}  // namespace

TEST_CASE("heuristic grows by two after full acceptance, shrinks by one else, and starts afresh") {
  const auto policy = make_policy({.name = "heuristic", .length = 5, .max_length = 8});
  policy->start();
  CHECK(policy->cap() == 5);
  policy->observe(5, 5);
  CHECK(policy->cap() == 7);
  policy->observe(7, 7);
  CHECK(policy->cap() == 8);
  for (int i = 0; i < 20; ++i) policy->observe(8, 0);
  CHECK(policy->cap() == 1);
  policy->start();
  CHECK(policy->cap() == 5);
}

TEST_CASE("confidence keeps the token that ends the draft") {
  const auto policy = make_policy({.name = "confidence", .max_length = 8, .threshold = 0.4});
  CHECK(policy->keep(0, {.entropy = 3, .top_probability = 0.1}));
  CHECK(policy->go_on(1, token_with(0.4)));
  CHECK_FALSE(policy->go_on(2, token_with(0.39)));
}

TEST_CASE("draft_verify steers its threshold towards 90 % acceptance") {
  const auto policy = make_policy({.name = "draft_verify", .max_length = 8, .threshold = 0.8});
  policy->start();
  CHECK(policy->go_on(1, token_with(0.8)));
  policy->observe(4, 0);  // rate 0 < 0.9: threshold 0.9 * 0.8 + 0.1 * 0.81 = 0.801
  CHECK_FALSE(policy->go_on(1, token_with(0.8005)));
  CHECK(policy->go_on(1, token_with(0.8011)));
}

TEST_CASE("adaedl asks before drafting and always drafts one token") {
  const auto policy = make_policy({.name = "adaedl", .max_length = 8, .threshold = 0.5, .entropy_weight = 0.2});
  policy->start();
  CHECK(policy->keep(0, {.entropy = 9}));
  CHECK(policy->keep(1, {.entropy = 1.2}));        // 1 - sqrt(0.24) = 0.510
  CHECK_FALSE(policy->keep(1, {.entropy = 1.3}));  // 1 - sqrt(0.26) = 0.490
}

TEST_CASE("svip stops after a token whose entropy exceeds 0.6 nats") {
  const auto policy = make_policy({.name = "svip", .max_length = 8, .threshold = 0.3, .entropy_weight = 0.15});
  CHECK(policy->go_on(1, token_with(0.5, 0.599)));
  CHECK_FALSE(policy->go_on(1, token_with(0.5, 0.601)));
}

TEST_CASE("isotonic regression: monotone, exact on separable data, constant without data") {
  std::vector<AcceptanceCurve::Observation> observations;
  RandomStream random(3, 0, 0, 0);
  for (int i = 0; i < 20000; ++i) {
    const double signal = random.uniform();
    observations.push_back({signal, random.uniform() < signal * signal});
  }
  const AcceptanceCurve curve = AcceptanceCurve::fit(observations);
  double before = 0;
  for (double signal = 0; signal <= 1; signal += 0.01) {
    CHECK(curve(signal) >= before);
    before = curve(signal);
  }
  for (const double signal : {0.3, 0.5, 0.8}) CHECK(curve(signal) == doctest::Approx(signal * signal).epsilon(0.12));
  CHECK(curve.mean() == doctest::Approx(1.0 / 3).epsilon(0.05));
  CHECK(AcceptanceCurve::fit({})(0.9) == 0.5);
  CHECK(AcceptanceCurve::fit({{0.1, true}, {0.9, false}})(0.9) == 0.5);
}

TEST_CASE("the stopping rule finds the best constant length when every token is alike") {
  for (const double a : {0.5, 0.7, 0.85, 0.95, 0.985, 0.997})
    for (const double row : {0.02, 0.06, 0.3})
      for (const double draft : {0.02, 0.1, 0.4}) {
        const CostTable costs = costs_of(1, row, draft);
        const StoppingRule rule(costs, {a}, 16);
        int length = 0;
        double joint = 1;
        while (rule.worth_trying(length, joint) && rule.worth_adding(length, joint * a)) ++length, joint *= a;
        // The grid of joint probabilities is 2 % fine, so a neighbouring length that is as good may be chosen.
        CHECK(constant_rate(costs, a, length) >= 0.997 * best_constant_rate(costs, a, 16));
        CHECK(rule.rate() == doctest::Approx(best_constant_rate(costs, a, 16)).epsilon(0.01));
      }
}

TEST_CASE("the stopping rule switches speculation off where it cannot pay") {
  const StoppingRule rule(costs_of(1, 1, 0.2), {0.9}, 16);  // two rows cost as much as two passes
  CHECK_FALSE(rule.worth_trying(0, 1));
  CHECK(rule.rate() == doctest::Approx(1));
}

TEST_CASE("with tokens of mixed difficulty the stopping rule beats every constant length") {
  // Half of the tokens are near certain, half are coin flips; the drafter knows which.
  const CostTable costs = costs_of(1, 0.05, 0.1);
  const std::vector<double> mix{0.98, 0.4};
  const StoppingRule rule(costs, mix, 16);
  const auto simulate = [&](auto&& draft_round) {
    RandomStream random(5, 0, 0, 0);
    double tokens = 0, cost = 0;
    for (int round = 0; round < 20000; ++round) draft_round(random, tokens, cost);
    return tokens / cost;
  };
  const double dynamic = simulate([&](RandomStream& random, double& tokens, double& cost) {
    int previews = 0, drafted = 0, accepted = 0;
    double joint = 1;
    bool alive = true;
    while (rule.worth_trying(drafted, joint)) {
      const double a = mix[random.below(2)];
      ++previews;
      joint *= a;
      if (!rule.worth_adding(drafted, joint)) break;
      ++drafted;
      alive = alive && random.uniform() < a;
      accepted += alive;
    }
    tokens += accepted + 1;
    cost += costs.round_ms(previews, drafted);
  });
  double best = 0;
  for (int length = 0; length <= 16; ++length)
    best = std::max(best, simulate([&](RandomStream& random, double& tokens, double& cost) {
                      int accepted = 0;
                      while (accepted < length && random.uniform() < mix[random.below(2)]) ++accepted;
                      tokens += accepted + 1;
                      cost += costs.round_ms(length, length);
                    }));
  CHECK(dynamic > 1.03 * best);
  CHECK(dynamic == doctest::Approx(rule.rate()).epsilon(0.03));
}

TEST_CASE("the oracle's dynamic programme equals exhaustive search") {
  const CostTable costs = costs_of(1, 0.3, 0.2);
  RandomStream random(9, 0, 0, 0);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<bool> matches(9);
    for (auto&& match : matches) match = random.uniform() < 0.7;
    const std::vector<std::int64_t> runs = runs_of(matches);
    // Every sequence of draft lengths 0..4, including those that outrun the agreement.
    const auto search = [&](auto&& self, std::size_t at) -> double {
      if (at >= matches.size()) return 0;
      double best = 1e9;
      for (std::int64_t k = 0; k <= 4; ++k) {
        const auto gained = std::min({k, runs[at], static_cast<std::int64_t>(matches.size() - at) - 1}) + 1;
        best = std::min(best, costs.round_ms(k, k) + self(self, at + static_cast<std::size_t>(gained)));
      }
      return best;
    };
    CHECK(oracle_rounds_ms(costs, runs, 4) == doctest::Approx(search(search, 1)));
  }
}

TEST_CASE("predicted time follows the rounds that were run") {
  const CostTable costs = costs_of(2, 0.5, 0.25);
  const std::vector<Round> rounds{{.previews = 3, .drafted = 3}, {}, {.previews = 2, .drafted = 1}};
  CHECK(predicted_rounds_ms(costs, rounds) == doctest::Approx((0.75 + 3.5) + 2 + (0.5 + 2.5)));
}
