// One text through an encoder: ours against LibTorch's operators on the same weights. Shapes: the shipped encoder's,
// and MiniLM-L6's with a small vocabulary.
#include <ATen/Functions.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "kernels/thread_pool.hpp"
#include "models/encoder.hpp"
#include "train/encoder_module.hpp"
#include "weights/safetensors.hpp"

namespace {

using namespace dynexec;

struct Pair {
  std::unique_ptr<EncoderModule> module;
  std::shared_ptr<const Encoder> encoder;
};

Pair make_pair_of(std::int64_t width) {
  EncoderConfig config;
  config.vocab = 200;
  config.hidden = width;
  config.layers = 6;
  config.heads = width / 32;
  config.intermediate = 4 * width;
  config.max_positions = 256;
  config.types = 2;
  config.classes = 3;
  Pair pair{.module = std::make_unique<EncoderModule>(config, EncoderExitConfig{}, 1)};
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("dynexec-bench-encoder-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : pair.module->parameters())
    views.push_back(
        {name,
         DType::f32,
         tensor.sizes().vec(),
         {static_cast<const std::byte*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())}});
  write_safetensors(folder / "model.safetensors", views, {});
  const nlohmann::json json{{"model_type", "bert"},
                            {"vocab_size", config.vocab},
                            {"hidden_size", config.hidden},
                            {"num_hidden_layers", config.layers},
                            {"num_attention_heads", config.heads},
                            {"intermediate_size", config.intermediate},
                            {"max_position_embeddings", config.max_positions},
                            {"num_labels", config.classes}};
  std::ofstream(folder / "config.json") << json;
  pair.encoder = Encoder::load(folder);
  std::filesystem::remove_all(folder);
  return pair;
}

const Pair& pair_of(std::int64_t width) {
  static std::map<std::int64_t, Pair> pairs;
  const auto found = pairs.find(width);
  return found != pairs.end() ? found->second : pairs.emplace(width, make_pair_of(width)).first->second;
}

void report(benchmark::State& state) {
  state.counters["gmac_per_s"] = benchmark::Counter(pair_of(state.range(0)).encoder->macs(state.range(1)) * 1e-9,
                                                    benchmark::Counter::kIsIterationInvariantRate);
  set_compute_threads(1);
}

void ours(benchmark::State& state) {
  set_compute_threads(static_cast<int>(state.range(2)));
  EncoderSession session(pair_of(state.range(0)).encoder);
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(state.range(1)), 7);
  for (auto _ : state) {
    session.start(ids);
    session.run_to(5);
    benchmark::DoNotOptimize(session.logits().data());
  }
  report(state);
}

void libtorch(benchmark::State& state) {
  const c10::InferenceMode guard;
  set_compute_threads(static_cast<int>(state.range(2)));
  const EncoderModule& module = *pair_of(state.range(0)).module;
  const at::Tensor ids = at::full({1, state.range(1)}, 7, at::kLong), mask = at::ones({1, state.range(1)}, at::kBool);
  for (auto _ : state) benchmark::DoNotOptimize(module.forward(ids, mask).back().const_data_ptr());
  report(state);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"width", "tokens", "threads"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  for (const int width : {128, 384})
    for (const int tokens : {16, 64, 192})
      for (const int threads : {1, 2}) bench->Args({width, tokens, threads});
}

}  // namespace

BENCHMARK(ours)->Apply(shapes);
BENCHMARK(libtorch)->Apply(shapes);
