// The learnt gate and the regression behind it. tests/parity/logistic_parity.py holds the regression against
// scikit-learn.
#include <doctest/doctest.h>

#include <cmath>

#include "base/random.hpp"
#include "experiments/early_exit/gate.hpp"
#include "experiments/early_exit/logistic.hpp"
#include "experiments/early_exit/recorded.hpp"
#include "scripted_network.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;
using namespace dynexec::fixture;

namespace {

double gradient_size(const LogisticData& data, const std::vector<double>& weights, double ridge) {
  std::vector<double> gradient(weights.size(), 0.0);
  for (std::size_t j = 0; j < data.features; ++j) gradient[j] = ridge * weights[j];
  for (std::size_t i = 0; i < data.y.size(); ++i) {
    const std::span<const double> x = std::span(data.x).subspan(i * data.features, data.features);
    const double off = logistic_probability(weights, x) - data.y[i];
    for (std::size_t j = 0; j < data.features; ++j) gradient[j] += off * x[j];
    gradient.back() += off;
  }
  double largest = 0;
  for (const double g : gradient) largest = std::max(largest, std::abs(g));
  return largest;
}

}  // namespace

TEST_CASE("logistic regression ends where the penalised likelihood is flat") {
  RandomStream random(5, 0, 0, 0);
  LogisticData data{.features = 3, .x = {}, .y = {}};
  for (int i = 0; i < 400; ++i) {
    double z = 0.5;
    for (const double truth : {2.0, -1.0, 0.0}) {
      data.x.push_back(random.normal() * 3);
      z += truth * data.x.back();
    }
    data.y.push_back(random.uniform() < 1 / (1 + std::exp(-z)) ? 1 : 0);
  }
  for (const double ridge : {1e-6, 1.0, 100.0}) {
    const std::vector<double> weights = fit_logistic(data, ridge);
    CHECK(gradient_size(data, weights, ridge) < 1e-6);
    if (ridge <= 1) CHECK(weights[0] > 1.4);
  }
  // Separable labels: only the penalty holds the weights.
  for (std::size_t i = 0; i < data.y.size(); ++i) data.y[i] = data.x[3 * i] > 0 ? 1 : 0;
  const std::vector<double> separable = fit_logistic(data, 1e-3);
  CHECK(gradient_size(data, separable, 1e-3) < 1e-6);
  // Labels all alike.
  data.y.assign(data.y.size(), 1);
  CHECK(logistic_probability(fit_logistic(data, 1), std::span(data.x).first(3)) > 0.9999);
}

TEST_CASE("a gate knows how often an exit is right at its certainty") {
  // Exit 0 is right where it is high, exit 1 where it agrees with exit 0; exit 2 always.
  std::vector<std::vector<Scripted::Answer>> script;
  std::vector<std::any> inputs;
  for (int i = 0; i < 80; ++i) {
    const bool high = i % 2 == 0, agree = i % 4 < 2;
    const int first = high ? 3 : 1, second = agree ? first : 2;
    script.push_back({{first, high ? 4.0f : 1.0f}, {second, 2}, {3, 2}, {agree && !high ? first : 3, 5}});
    if (high && !agree) script.back()[3].label = 3;
    inputs.push_back(input(i));
  }
  Scripted network(script);
  const RecordedExits recorded(network, inputs);
  const std::vector<std::size_t> exits{0, 1, 2};
  const auto gate = make_rule({.name = "gate", .threshold = 0.5, .patience = 2, .weighted = false, .ridge = 0.01},
                              {.classes = 4, .exits = 3, .may_remember = true});
  CHECK(gate->remembers());
  gate->fit(recorded, exits);
  const auto score = [&](std::size_t sample, std::size_t exit) {
    gate->start();
    double last = 0;
    for (std::size_t e = 0; e <= exit; ++e) last = gate->score(e, exit_signals(recorded.logits(sample, e)));
    return last;
  };
  CHECK(score(0, 0) > 0.95);  // high
  CHECK(score(3, 0) < 0.6);   // low: half of them are right
  CHECK(score(0, 1) > 0.9);   // agrees
  CHECK(score(2, 1) < 0.1);   // does not
  // The copy has learnt what the gate has.
  const auto copy = gate->clone();
  copy->start();
  CHECK(copy->score(0, exit_signals(recorded.logits(0, 0))) == score(0, 0));
  // Without a memory the two cannot be told apart.
  const auto blind = make_rule({.name = "gate"}, {.classes = 4, .exits = 3, .may_remember = false});
  CHECK_FALSE(blind->remembers());
  blind->fit(recorded, exits);
  CHECK(blind->score(1, exit_signals(recorded.logits(0, 1))) ==
        doctest::Approx(blind->score(1, exit_signals(recorded.logits(2, 1)))));
}
