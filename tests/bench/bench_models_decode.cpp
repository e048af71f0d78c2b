// One decode or verification step: model size x rows x threads, at a context of 128 positions.
// bytes_per_second counts the weights once a step; compare it with the machine's read bandwidth.
#include <benchmark/benchmark.h>

#include <map>

#include "kernels/thread_pool.hpp"
#include "model_shapes.hpp"

namespace {

using namespace dynexec;

constexpr std::int64_t kContext = 128;

DecoderSession& session(std::size_t shape) {
  static std::map<std::size_t, DecoderSession> sessions;
  auto found = sessions.find(shape);
  if (found == sessions.end()) {
    sessions.clear();  // one model in memory at a time
    found = sessions.emplace(shape, DecoderSession(random_llama(kModelShapes[shape]), 512)).first;
  }
  return found->second;
}

void decode_step(benchmark::State& state) {
  DecoderSession& s = session(static_cast<std::size_t>(state.range(0)));
  const std::int64_t rows = state.range(1);
  set_compute_threads(static_cast<int>(state.range(2)));
  const std::vector<std::int32_t> prompt(kContext, 7), tokens(static_cast<std::size_t>(rows), 9);
  s.truncate(0);
  s.forward(prompt, 1);
  for (auto _ : state) {
    s.truncate(kContext);
    benchmark::DoNotOptimize(s.forward(tokens, rows).data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(s.last_cost().weight_bytes) *
                          static_cast<std::int64_t>(state.iterations()));
  state.SetLabel(kModelShapes[state.range(0)].name);
  set_compute_threads(1);
}

void prefill(benchmark::State& state) {
  DecoderSession& s = session(static_cast<std::size_t>(state.range(0)));
  set_compute_threads(static_cast<int>(state.range(2)));
  const std::vector<std::int32_t> prompt(static_cast<std::size_t>(state.range(1)), 7);
  for (auto _ : state) {
    s.truncate(0);
    benchmark::DoNotOptimize(s.forward(prompt, 1).data());
  }
  state.SetItemsProcessed(state.range(1) * static_cast<std::int64_t>(state.iterations()));
  state.SetLabel(kModelShapes[state.range(0)].name);
  set_compute_threads(1);
}

}  // namespace

BENCHMARK(decode_step)
    ->ArgNames({"model", "rows", "threads"})
    ->ArgsProduct({{0, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 16}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(prefill)
    ->ArgNames({"model", "tokens", "threads"})
    ->ArgsProduct({{0, 1, 2, 3}, {128}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
