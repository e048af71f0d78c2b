// Reading weights: converting a tensor of 110 million elements to fp32, and opening a file with many tensors.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "weights/safetensors.hpp"

namespace {

using namespace dynexec;

constexpr std::int64_t kElements = 110'000'000;

template <class Stored>
void convert(benchmark::State& state, DType dtype, Stored one) {
  const std::vector<Stored> stored(kElements, one);
  const TensorView view{"t", dtype, {kElements}, std::as_bytes(std::span<const Stored>(stored))};
  std::vector<float> out(kElements);
  for (auto _ : state) {
    copy_as_f32(view, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(view.bytes.size()) * state.iterations());
}

void convert_f16(benchmark::State& state) {
  convert<std::uint16_t>(state, DType::f16, 0x3c00);
}
void convert_bf16(benchmark::State& state) {
  convert<std::uint16_t>(state, DType::bf16, 0x3f80);
}
void convert_f32(benchmark::State& state) {
  convert<float>(state, DType::f32, 1.0f);
}

void open_many_tensors(benchmark::State& state) {
  const std::vector<float> values(4);
  std::vector<TensorView> tensors;
  for (int i = 0; i < 10'000; ++i) {
    tensors.push_back(
        {"model.layers." + std::to_string(i) + ".weight", DType::f32, {2, 2}, std::as_bytes(std::span(values))});
  }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("dynexec-bench-" + std::to_string(::getpid()) + ".safetensors");
  write_safetensors(path, tensors, {});
  for (auto _ : state) benchmark::DoNotOptimize(SafetensorsFile::open(path));
  std::filesystem::remove(path);
}

BENCHMARK(convert_f16)->Unit(benchmark::kMillisecond);
BENCHMARK(convert_bf16)->Unit(benchmark::kMillisecond);
BENCHMARK(convert_f32)->Unit(benchmark::kMillisecond);
BENCHMARK(open_many_tensors)->Unit(benchmark::kMillisecond);

}  // namespace
