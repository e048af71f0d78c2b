// 3x3 convolutions with bias and ReLU on one image: channels x size, ours against LibTorch (channels last).
#include <ATen/core/Tensor.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <vector>

#include "kernels/conv2d.hpp"
#include "kernels/thread_pool.hpp"

namespace {

using namespace dynexec;

void report(benchmark::State& state) {
  const std::int64_t channels = state.range(0), size = state.range(1);
  state.counters["gmac_per_s"] = benchmark::Counter(static_cast<double>(size * size * channels * channels * 9) * 1e-9,
                                                    benchmark::Counter::kIsIterationInvariantRate);
  set_compute_threads(1);
}

void ours(benchmark::State& state) {
  const std::int64_t channels = state.range(0), size = state.range(1);
  set_compute_threads(static_cast<int>(state.range(2)));
  const Conv2d conv({channels, channels, 3, 1, 1},
                    std::vector<float>(static_cast<std::size_t>(channels * channels * 9), 0.1f),
                    std::vector<float>(static_cast<std::size_t>(channels), 0.1f));
  const FeatureMap in(size, size, channels, 1);
  FeatureMap out(size, size, channels, 1);
  for (auto _ : state) {
    conv.forward(in, out, Activation::relu);
    benchmark::DoNotOptimize(out.at(0, 0));
  }
  report(state);
}

void libtorch(benchmark::State& state) {
  const c10::InferenceMode guard;
  const std::int64_t channels = state.range(0), size = state.range(1);
  set_compute_threads(static_cast<int>(state.range(2)));
  const auto last = at::MemoryFormat::ChannelsLast;
  const at::Tensor weight = at::ones({channels, channels, 3, 3}).contiguous(last), bias = at::ones({channels}),
                   in = at::ones({1, channels, size, size}).contiguous(last);
  for (auto _ : state) benchmark::DoNotOptimize(at::relu(at::conv2d(in, weight, bias, 1, 1)).const_data_ptr());
  report(state);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"channels", "size", "threads"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const auto& [channels, size] : {std::pair{16, 32}, {32, 16}, {64, 8}, {64, 56}, {128, 28}, {256, 14}, {512, 7}})
    for (const int threads : {1, 2}) bench->Args({channels, size, threads});
}

}  // namespace

BENCHMARK(ours)->Apply(shapes);
BENCHMARK(libtorch)->Apply(shapes);
