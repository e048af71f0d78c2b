// The product y = x W^T: weight shape x rows, ours in every weight format against LibTorch. Weights rotate through
// copies that exceed the caches, as the layers of a model do.
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"

namespace {

using namespace dynexec;

constexpr std::int64_t kCacheBytes = std::int64_t{96} << 20;

std::int64_t copies(std::int64_t in, std::int64_t out) {
  return std::max<std::int64_t>(1, kCacheBytes / (in * out * static_cast<std::int64_t>(sizeof(float))));
}

std::vector<float> values(std::int64_t count) {
  std::vector<float> result(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<float>(i % 17) * 0.05f - 0.4f;
  return result;
}

void report(benchmark::State& state) {
  const std::int64_t size = state.range(0) * state.range(1), steps = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(size * static_cast<std::int64_t>(sizeof(float)) * steps);
  state.counters["gmac_per_s"] = benchmark::Counter(static_cast<double>(size * state.range(2)) * 1e-9,
                                                    benchmark::Counter::kIsIterationInvariantRate);
  set_compute_threads(1);
}

void packed(benchmark::State& state) {
  const std::int64_t in = state.range(0), out = state.range(1), rows = state.range(2);
  set_compute_threads(static_cast<int>(state.range(3)));
  std::vector<std::unique_ptr<Linear>> layers;
  for (std::int64_t i = 0; i < copies(in, out); ++i) layers.push_back(make_linear_fp32(values(in * out), {}, in, out));
  const std::vector<float> x = values(rows * in);
  std::vector<float> y(static_cast<std::size_t>(rows * out));
  std::size_t next = 0;
  for (auto _ : state) {
    layers[next]->forward(x.data(), y.data(), rows);
    next = (next + 1) % layers.size();
  }
  report(state);
}

using Layers = std::vector<std::unique_ptr<Linear>>;

// Made once for all cases of a format and shape, which follow one another.
const Layers& layers_of(const std::string& format, std::int64_t in, std::int64_t out) {
  static std::string made;
  static Layers layers;
  const std::string key = format + " " + std::to_string(in) + " " + std::to_string(out);
  if (key == made) return layers;
  layers.clear();
  const StoredMatrix matrix = round_to_nearest(values(in * out), out, in, weight_format(format));
  do layers.push_back(make_linear(matrix, {}));
  while (static_cast<std::int64_t>(layers.size()) * layers.front()->weight_bytes() < kCacheBytes);
  made = key;
  return layers;
}

void stored(benchmark::State& state, const std::string& format) {
  const std::int64_t in = state.range(0), out = state.range(1), rows = state.range(2);
  set_compute_threads(static_cast<int>(state.range(3)));
  const Layers& layers = layers_of(format, in, out);
  const std::vector<float> x = values(rows * in);
  std::vector<float> y(static_cast<std::size_t>(rows * out));
  std::size_t next = 0;
  for (auto _ : state) {
    layers[next]->forward(x.data(), y.data(), rows);
    next = (next + 1) % layers.size();
  }
  const std::int64_t steps = static_cast<std::int64_t>(state.iterations());
  state.SetBytesProcessed(layers.front()->weight_bytes() * steps);
  set_compute_threads(1);
}

void libtorch(benchmark::State& state) {
  const c10::InferenceMode guard;
  const std::int64_t in = state.range(0), out = state.range(1), rows = state.range(2);
  set_compute_threads(static_cast<int>(state.range(3)));
  std::vector<at::Tensor> weights;
  for (std::int64_t i = 0; i < copies(in, out); ++i) weights.push_back(at::ones({out, in}));
  std::vector<float> x = values(rows * in);
  const at::Tensor input = at::from_blob(x.data(), {rows, in});
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(at::linear(input, weights[next]).data_ptr());
    next = (next + 1) % weights.size();
  }
  report(state);
}

void stored_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"in", "out", "rows", "threads"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const int threads : {1, 2})
    for (const int rows : {1, 5, 16, 192}) bench->Args({768, 2304, rows, threads});
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"in", "out", "rows", "threads"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const auto& [in, out] : {std::pair{256, 768}, {768, 2304}, {2048, 768}, {768, 32000}}) {
    for (const int rows : {1, 2, 4, 5, 8, 16, 128}) {
      for (const int threads : {1, 2}) bench->Args({in, out, rows, threads});
    }
  }
}

}  // namespace

BENCHMARK(packed)->Apply(shapes);
BENCHMARK_CAPTURE(stored, bf16, std::string("bf16"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, fp16, std::string("fp16"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int8, std::string("int8"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int8_g32, std::string("int8-g32"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int4_g32, std::string("int4-g32"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int4_g64, std::string("int4-g64"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, bf16_a16, std::string("bf16-a16"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int8_a8, std::string("int8-a8"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int8_g32_a8, std::string("int8-g32-a8"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int4_g32_a8, std::string("int4-g32-a8"))->Apply(stored_shapes);
BENCHMARK_CAPTURE(stored, int4_g64_a8, std::string("int4-g64-a8"))->Apply(stored_shapes);
BENCHMARK(libtorch)->Apply(shapes);
