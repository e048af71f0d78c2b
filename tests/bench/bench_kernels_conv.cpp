// 3x3 convolutions with bias and ReLU on one image: channels x size, ours in fp32 and in bytes against LibTorch's
// (channels last), which is oneDNN. Bytes come out as bytes, as the next convolution wants them.
#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <vector>

#include "kernels/byte_conv2d.hpp"
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

void ours_bytes(benchmark::State& state) {
  const std::int64_t channels = state.range(0), size = state.range(1);
  set_compute_threads(static_cast<int>(state.range(2)));
  const ByteConv2d conv(
      {channels, channels, 3, 1, 1},
      round_kernel(std::vector<float>(static_cast<std::size_t>(channels * channels * 9), 0.1f), channels),
      std::vector<float>(static_cast<std::size_t>(channels), 0.1f), 0.1f);
  const FeatureMap in(size, size, channels, 1);
  FeatureMap out(size, size, channels, 1);
  const ByteMap in_bytes(size, size, channels, 1);
  ByteMap out_bytes(size, size, channels, 1);
  const ConvJob job{
      .in = &in, .out = &out, .residual = nullptr, .in_bytes = &in_bytes, .out_bytes = &out_bytes, .out_scale = 0.1f};
  for (auto _ : state) {
    conv.forward(std::span(&job, 1), Activation::relu);
    benchmark::DoNotOptimize(out_bytes.at(0, 0));
  }
  report(state);
}

at::Tensor call(const char* name, torch::jit::Stack arguments) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(arguments);
  return arguments.front().toTensor();
}

void libtorch_bytes(benchmark::State& state) {
  if (!at::Context::hasMKLDNN()) return state.SkipWithError("this LibTorch has no oneDNN");
  const c10::InferenceMode guard;
  const std::int64_t channels = state.range(0), size = state.range(1);
  set_compute_threads(static_cast<int>(state.range(2)));
  const at::Tensor weight = at::ones({channels, channels, 3, 3}, at::kChar), scales = at::ones({channels}),
                   zeros = at::zeros({channels}, at::kInt), bias = at::ones({channels}),
                   in = at::ones({1, channels, size, size}, at::kByte).contiguous(at::MemoryFormat::ChannelsLast);
  const std::vector<std::int64_t> ones{1, 1};
  const at::Tensor packed = call("onednn::qconv_prepack", {weight, scales, 0.1, std::int64_t{0}, ones, ones, ones,
                                                           std::int64_t{1}, in.sizes().vec()});
  for (auto _ : state)
    benchmark::DoNotOptimize(
        call("onednn::qconv2d_pointwise", {in, 0.1, std::int64_t{0}, packed, scales, zeros, bias, ones, ones, ones,
                                           std::int64_t{1}, 0.1, std::int64_t{0}, static_cast<std::int64_t>(at::kByte),
                                           "relu", c10::List<std::optional<c10::Scalar>>(), c10::IValue()})
            .const_data_ptr());
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
BENCHMARK(ours_bytes)->Apply(shapes);
BENCHMARK(libtorch_bytes)->Apply(shapes);
