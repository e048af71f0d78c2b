#include "train/optimiser.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "train/llama_module.hpp"
#include "train/orthogonalise.hpp"

using namespace dynexec;

namespace {

at::Tensor some_matrix(std::int64_t rows, std::int64_t columns, double phase) {
  const auto steps = at::arange(0, rows * columns, at::kFloat);
  return (steps * steps * 0.37 + phase).sin().reshape({rows, columns});
}

at::Tensor parameter(const at::Tensor& value, const at::Tensor& gradient) {
  at::Tensor made = value.clone().requires_grad_(true);
  made.mutable_grad() = gradient.clone();
  return made;
}

OptimiserOptions muon() {
  OptimiserOptions options;
  options.kind = "muon";
  return options;
}

}  // namespace

TEST_CASE("orthogonalise keeps the singular vectors and brings the singular values near one") {
  for (const auto& shape : {std::pair{24, 40}, {40, 24}, {32, 32}}) {
    const auto rows = shape.first, columns = shape.second;
    for (const bool bf16 : {false, true}) {
      CAPTURE(rows);
      CAPTURE(bf16);
      // Singular values from 3 down to a tenth of that: far above the reach of five steps.
      const auto [u, s, vh] = at::linalg_svd(some_matrix(rows, columns, 0.1), false);
      const auto values = at::linspace(3.0, 0.3, s.size(0));
      const auto matrix = u.matmul(values.unsqueeze(1) * vh);
      const auto result = orthogonalise(matrix, bf16);
      REQUIRE(result.sizes() == matrix.sizes());
      const auto inner = u.t().matmul(result).matmul(vh.t());  // diagonal when the vectors are kept
      const auto diagonal = inner.diagonal();
      CHECK(diagonal.min().item<double>() > 0.6);
      CHECK(diagonal.max().item<double>() < 1.3);
      CHECK((inner - diagonal.diag()).abs().max().item<double>() < (bf16 ? 0.06 : 1e-4));
    }
  }
  CHECK(orthogonalise(at::zeros({4, 6}), false).abs().max().item<double>() == 0);
}

TEST_CASE("Muon steps each fused matrix by itself, with the size of an AdamW update") {
  const auto top = some_matrix(16, 32, 0.2), bottom = some_matrix(8, 32, 1.3) * 50;
  const auto zeros = at::zeros({24, 32});
  auto options = muon();
  options.clip = 0;
  options.weight_decay = 0;
  const auto fused = parameter(zeros, at::cat({top, bottom}));
  const auto one = parameter(zeros.narrow(0, 0, 16), top), two = parameter(zeros.narrow(0, 0, 8), bottom);
  Optimiser together({{"w", fused}}, {{"w", {16, 8}}}, options, false);
  Optimiser apart({{"a", one}, {"b", two}}, {{"a", {16}}, {"b", {8}}}, options, false);
  for (int step = 0; step < 3; ++step) {
    together.step(1e-2);
    apart.step(1e-2);
  }
  const c10::NoGradGuard no_grad;
  CHECK(at::equal(fused.narrow(0, 0, 16), one));
  CHECK(at::equal(fused.narrow(0, 16, 8), two));
  // Three steps of a constant direction: entries of about 3 * rate * 0.2 in the root mean square.
  for (const at::Tensor& moved : {one, two}) {
    const double rms = moved.square().mean().sqrt().item<double>();
    CHECK(rms > 3 * 1e-2 * 0.2 * 0.6);
    CHECK(rms < 3 * 1e-2 * 0.2 * 1.3);
  }
}

TEST_CASE("Muon takes the layers' matrices and leaves norms and embedding to AdamW") {
  LlamaShape shape{.vocab = 40, .width = 16, .layers = 2, .heads = 2, .kv_heads = 1, .ffn = 24, .max_positions = 32};
  LlamaModule module(shape, 1);
  const auto blocks = module.row_blocks();
  CHECK(blocks.size() == 4 * 2);
  for (const auto& [name, tensor] : module.parameters()) {
    const auto found = blocks.find(name);
    const bool matrix = tensor.dim() == 2 && name != "embedding";
    CHECK((found != blocks.end()) == matrix);
    if (!matrix) continue;
    std::int64_t rows = 0;
    for (const std::int64_t n : found->second) rows += n;
    CHECK(rows == tensor.size(0));
  }
  Optimiser optimiser(module.parameters(), blocks, muon(), false);
  const auto state = optimiser.state();
  const auto has = [&](const std::string& name) {
    return std::any_of(state.begin(), state.end(), [&](const auto& entry) { return entry.first == name; });
  };
  CHECK(has("layers.0.qkv.m"));
  CHECK_FALSE(has("layers.0.qkv.v"));
  CHECK(has("embedding.v"));
  CHECK(has("layers.1.input_norm.v"));
  CHECK(has("final_norm.v"));
}

TEST_CASE("clipping scales every gradient by the same factor") {
  auto options = muon();
  options.clip = 1;
  const auto matrix = parameter(at::zeros({2, 2}), at::full({2, 2}, 3.0)),
             vector = parameter(at::zeros({4}), at::full({4}, 4.0));
  Optimiser optimiser({{"m", matrix}, {"v", vector}}, {{"m", {2}}}, options, false);
  CHECK(optimiser.clip_gradients() == doctest::Approx(10));
  CHECK(matrix.grad()[0][0].item<double>() == doctest::Approx(0.3));
  CHECK(vector.grad()[0].item<double>() == doctest::Approx(0.4));
}
