// A ResNet-20 on 32 x 32 images: batch x threads, layer by layer on all images of the batch, against one image after
// the other, and in int8. items_per_second counts images.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "kernels/thread_pool.hpp"
#include "models/cnn.hpp"
#include "weights/safetensors.hpp"

namespace {

using namespace dynexec;

constexpr std::int64_t kSide = 32;

// A network of small random-looking weights: the time does not depend on the values.
std::shared_ptr<const Cnn> resnet20(bool int8) {
  static const auto networks = [] {
    std::vector<std::vector<float>> values;
    std::vector<TensorView> tensors;
    values.reserve(200);
    const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape, float value) {
      std::int64_t count = 1;
      for (const std::int64_t extent : shape) count *= extent;
      values.emplace_back(static_cast<std::size_t>(count), value);
      tensors.push_back({name, DType::f32, shape, std::as_bytes(std::span(values.back()))});
    };
    const auto layer = [&](const std::string& conv, const std::string& norm, std::int64_t in, std::int64_t out) {
      add(conv + ".weight", {out, in, 3, 3}, 0.01f);
      for (const char* part : {".weight", ".running_var"}) add(norm + part, {out}, 1);
      for (const char* part : {".bias", ".running_mean"}) add(norm + part, {out}, 0);
    };
    layer("conv1", "bn1", 3, 16);
    std::int64_t in = 16;
    for (int stage = 0; stage < 3; ++stage)
      for (int block = 0; block < 3; ++block) {
        const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
        const std::int64_t out = std::int64_t{16} << stage;
        layer(name + ".conv1", name + ".bn1", in, out);
        layer(name + ".conv2", name + ".bn2", out, out);
        in = out;
      }
    add("fc.weight", {10, 64}, 0.01f);
    add("fc.bias", {10}, 0);
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / "dynexec-bench-resnet20";
    std::filesystem::create_directories(folder);
    write_safetensors(folder / "model.safetensors", tensors, {});
    std::ofstream(folder / "config.json") << R"({"architecture": "cifar_resnet20"})";
    const std::pair loaded{Cnn::load(folder), Cnn::load(ModelFolder::open(folder), CnnRanges(19, 1.0f))};
    std::filesystem::remove_all(folder);
    return loaded;
  }();
  return int8 ? networks.second : networks.first;
}

void run(benchmark::State& state, bool together, bool int8 = false) {
  set_compute_threads(static_cast<int>(state.range(1)));
  const std::shared_ptr<const Cnn> network = resnet20(int8);
  const std::size_t last = network->units().size() - 1;
  std::vector<CnnSession> sessions;
  for (std::int64_t i = 0; i < state.range(0); ++i) sessions.emplace_back(network);
  std::vector<CnnSession*> all;
  for (CnnSession& session : sessions) all.push_back(&session);
  const std::vector<float> image(3 * kSide * kSide, 0.5f);
  for (auto _ : state) {
    for (CnnSession& session : sessions) session.start(image);
    if (together)
      CnnSession::run_together(all, last);
    else
      for (CnnSession& session : sessions) session.run_to(last);
    benchmark::DoNotOptimize(sessions.front().features().at(0, 0));
  }
  state.SetItemsProcessed(state.range(0) * static_cast<std::int64_t>(state.iterations()));
  set_compute_threads(1);
}

void layer_by_layer(benchmark::State& state) {
  run(state, true);
}
void image_by_image(benchmark::State& state) {
  run(state, false);
}
void layer_by_layer_int8(benchmark::State& state) {
  run(state, true, true);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"batch", "threads"})
      ->ArgsProduct({{1, 4, 16, 64}, {1, 2}})
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

BENCHMARK(layer_by_layer)->Apply(shapes);
BENCHMARK(image_by_image)->Apply(shapes);
BENCHMARK(layer_by_layer_int8)->Apply(shapes);
