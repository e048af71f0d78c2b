// Intervals of a large summary: 2,000 resamples of 1,000 samples, per column.
#include <benchmark/benchmark.h>

#include <cmath>

#include "base/random.hpp"
#include "measure/bootstrap.hpp"

namespace {

void mean_interval(benchmark::State& state) {
  dynexec::RandomStream random(1, 0, 0, 0);
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::exp(random.uniform()));
  const dynexec::Bootstrap bootstrap(values.size(), {});
  for (auto _ : state) benchmark::DoNotOptimize(bootstrap.mean(values).low);
}
BENCHMARK(mean_interval)->Unit(benchmark::kMillisecond);

}  // namespace
