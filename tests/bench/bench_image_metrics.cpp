// Image metrics at the sizes that experiments use: small pictures, pictures of Stable Diffusion's size, features of
// small and middling width.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "base/random.hpp"
#include "image/frechet_bootstrap.hpp"
#include "image/ssim.hpp"

namespace {

using namespace dynexec;

std::vector<float> noise(std::size_t count, std::uint64_t sample) {
  RandomStream random(1, sample, 0, 0);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.uniform());
  return values;
}

void gray_similarity(benchmark::State& state) {
  const std::int64_t side = state.range(0);
  const auto count = static_cast<std::size_t>(3 * side * side);
  const std::vector<float> first = noise(count, 0), second = noise(count, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ssim_gray({first, 3, side, side}, {second, 3, side, side}, 1.0));
  }
}
BENCHMARK(gray_similarity)->Arg(32)->Arg(512)->Unit(benchmark::kMicrosecond);

// 1,000 samples in each set, moments included.
void frechet(benchmark::State& state) {
  const auto width = static_cast<std::size_t>(state.range(0));
  const std::vector<float> first = noise(1000 * width, 0), second = noise(1000 * width, 1);
  for (auto _ : state) benchmark::DoNotOptimize(frechet_distance({first, 1000, width}, {second, 1000, width}));
}
BENCHMARK(frechet)->Arg(64)->Arg(256)->Unit(benchmark::kMillisecond);

// 20 resamples of two sets of 500 samples.
void frechet_intervals(benchmark::State& state) {
  const auto width = static_cast<std::size_t>(state.range(0));
  const std::vector<float> fixed = noise(1000 * width, 0), first = noise(500 * width, 1),
                           second = noise(500 * width, 2);
  const FrechetReference reference(feature_moments({fixed, 1000, width}));
  for (auto _ : state) {
    const auto result = compare_frechet(reference, {first, 500, width}, {second, 500, width}, {.resamples = 20});
    benchmark::DoNotOptimize(result.difference.low);
  }
}
BENCHMARK(frechet_intervals)->Arg(64)->Unit(benchmark::kMillisecond);

}  // namespace
