// From logits to a token: vocabulary x warpers.
#include <benchmark/benchmark.h>

#include <vector>

#include "models/sampling.hpp"

namespace {

using namespace dynexec;

std::vector<float> random_logits(std::int64_t vocab) {
  RandomStream random(1, 0, 0, static_cast<std::uint32_t>(Purpose::sampling));
  std::vector<float> logits(static_cast<std::size_t>(vocab));
  for (float& logit : logits) logit = static_cast<float>(3 * random.normal());
  return logits;
}

void greedy(benchmark::State& state) {
  const std::vector<float> logits = random_logits(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(argmax(logits));
}

void entropy(benchmark::State& state) {
  const std::vector<float> logits = random_logits(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(entropy_of_logits(logits));
}

void warp_and_draw(benchmark::State& state, const SamplingOptions& options) {
  const std::vector<float> logits = random_logits(state.range(0));
  const std::vector<std::int32_t> history(200, 11);
  std::vector<float> probabilities(logits.size());
  RandomStream random(1, 1, 0, static_cast<std::uint32_t>(Purpose::sampling));
  for (auto _ : state) {
    warp(logits, options, history, probabilities);
    benchmark::DoNotOptimize(draw(probabilities, random.uniform()));
  }
}

}  // namespace

BENCHMARK(greedy)->Arg(512)->Arg(32000)->Arg(151936)->Unit(benchmark::kMicrosecond);
BENCHMARK(entropy)->Arg(512)->Arg(32000)->Arg(151936)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warp_and_draw, temperature, SamplingOptions{.temperature = 0.8})
    ->Arg(512)
    ->Arg(32000)
    ->Arg(151936)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warp_and_draw, top_k_40, SamplingOptions{.temperature = 0.8, .top_k = 40})
    ->Arg(512)
    ->Arg(32000)
    ->Arg(151936)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warp_and_draw, top_p_90, SamplingOptions{.temperature = 0.8, .top_p = 0.9})
    ->Arg(512)
    ->Arg(32000)
    ->Arg(151936)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warp_and_draw, all_warpers,
                  SamplingOptions{
                      .temperature = 0.8, .top_k = 50, .top_p = 0.9, .min_p = 0.02, .repetition_penalty = 1.1})
    ->Arg(512)
    ->Arg(32000)
    ->Arg(151936)
    ->Unit(benchmark::kMicrosecond);
