// Cost of the acceptance rule and of the draft-length decisions, per draft token.
#include <benchmark/benchmark.h>

#include <vector>

#include "experiments/speculative/acceptance.hpp"
#include "experiments/speculative/cost_aware.hpp"

using namespace dynexec;
using namespace dynexec::speculative;

namespace {

std::vector<float> distribution(std::size_t vocab, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 0);
  std::vector<float> values(vocab);
  double sum = 0;
  for (float& value : values) sum += static_cast<double>(value = static_cast<float>(random.uniform()));
  for (float& value : values) value = static_cast<float>(static_cast<double>(value) / sum);
  return values;
}

void accept_token(benchmark::State& state) {
  const auto vocab = static_cast<std::size_t>(state.range(0));
  const std::vector<float> p = distribution(vocab, 1), q = distribution(vocab, 2);
  RandomStream random(3, 0, 0, 0);
  for (auto _ : state) {
    const auto token = static_cast<std::int32_t>(random.below(vocab));
    benchmark::DoNotOptimize(accepts(p, q, token, random.uniform()));
  }
}
BENCHMARK(accept_token)->Arg(1024)->Arg(32000)->Arg(151936);

void reject_and_redraw(benchmark::State& state) {
  const auto vocab = static_cast<std::size_t>(state.range(0));
  const std::vector<float> p = distribution(vocab, 1), q = distribution(vocab, 2);
  std::vector<float> residual(vocab);
  RandomStream random(3, 0, 0, 0);
  for (auto _ : state) {
    residual = p;
    to_residual(residual, q, 0);
    benchmark::DoNotOptimize(draw(residual, random.uniform()));
  }
}
BENCHMARK(reject_and_redraw)->Arg(1024)->Arg(32000)->Arg(151936);

CostTable costs() {
  CostTable table;
  table.decode_ms = 1, table.draft_ms = 0.05;
  for (int m = 0; m < 17; ++m) table.verify_ms.push_back(1 + 0.04 * m);
  return table;
}

void stopping_rule_decision(benchmark::State& state) {
  const StoppingRule rule(costs(), {0.5, 0.7, 0.9, 0.99}, 16);
  RandomStream random(3, 0, 0, 0);
  for (auto _ : state) {
    const double joint = random.uniform();
    benchmark::DoNotOptimize(rule.worth_trying(3, joint));
    benchmark::DoNotOptimize(rule.worth_adding(3, joint));
  }
}
BENCHMARK(stopping_rule_decision);

void stopping_rule_solve(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(StoppingRule(costs(), {0.5, 0.7, 0.9, 0.99}, 16).rate());
}
BENCHMARK(stopping_rule_solve)->Unit(benchmark::kMillisecond);

}  // namespace
