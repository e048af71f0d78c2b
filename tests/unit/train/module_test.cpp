#include "train/llama_module.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "models/decoder.hpp"
#include "toy_options.hpp"
#include "train/export.hpp"

using namespace dynexec;

namespace {

LlamaShape small_shape() {
  LlamaShape shape;
  shape.vocab = 37;
  shape.width = 32;
  shape.layers = 3;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.ffn = 48;
  shape.max_positions = 64;
  return shape;
}

at::Tensor some_ids(std::int64_t batch, std::int64_t time) {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < batch * time; ++i) ids.push_back((i * i * 7 + 3 * i + 5) % 37);
  return at::from_blob(ids.data(), {batch, time}, at::kLong).clone();
}

double loss_value(const LlamaModule& module, const at::Tensor& ids, const at::Tensor& targets) {
  const c10::NoGradGuard no_grad;
  const auto hidden = module.forward(ids, 1, false);
  const auto late = at::cross_entropy_loss(module.logits(hidden.last.reshape({-1, 32}), false), targets);
  const auto early = at::cross_entropy_loss(module.logits(hidden.early.reshape({-1, 32}), false), targets);
  return (late + 0.2 * early).item<double>();
}

}  // namespace

TEST_CASE("gradients agree with finite differences") {
  at::set_num_threads(1);
  const LlamaModule module(small_shape(), 3);
  const at::Tensor ids = some_ids(2, 11), targets = some_ids(2, 12).narrow(1, 1, 11).reshape({-1});
  const auto hidden = module.forward(ids, 1, false);
  const auto late = at::cross_entropy_loss(module.logits(hidden.last.reshape({-1, 32}), false), targets);
  const auto early = at::cross_entropy_loss(module.logits(hidden.early.reshape({-1, 32}), false), targets);
  (late + 0.2 * early).backward();
  for (const auto& entry : module.parameters()) {
    const auto& name = entry.first;
    const auto& parameter = entry.second;
    CAPTURE(name);
    // Along the gradient's own direction the derivative is its norm: large against fp32 rounding.
    const at::Tensor gradient = parameter.grad();
    const double norm = gradient.norm().item<double>();
    REQUIRE(norm > 1e-6);
    const c10::NoGradGuard no_grad;
    const at::Tensor kept = parameter.clone(), direction = gradient / norm;
    at::Tensor weight = parameter;
    const double step = 2e-3;
    weight.copy_(kept + direction * step);
    const double up = loss_value(module, ids, targets);
    weight.copy_(kept - direction * step);
    const double down = loss_value(module, ids, targets);
    weight.copy_(kept);
    CHECK((up - down) / (2 * step) == doctest::Approx(norm).epsilon(0.03));
  }
}

TEST_CASE("the exported folder gives the module's logits in the decoder") {
  at::set_num_threads(1);
  const toy::Folder folder("export");
  const LlamaModule module(small_shape(), 4);
  {
    // fp16 holds these values exactly, so that only the arithmetic is compared.
    const c10::NoGradGuard no_grad;
    for (auto [name, parameter] : module.parameters()) parameter.copy_(parameter.to(at::kHalf).to(at::kFloat) * 1);
  }
  export_model(folder / "model", module, nlohmann::json::object(), TrainOptions{}, TrainFigures{});
  const auto decoder = Decoder::load(folder / "model");
  const at::Tensor ids = some_ids(1, 40);
  const c10::NoGradGuard no_grad;
  const auto hidden = module.forward(ids, 2, false);
  const at::Tensor expected = module.logits(hidden.last.reshape({-1, 32}), false);
  const at::Tensor early = module.logits(hidden.early.reshape({-1, 32}), false);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < 40; ++i) tokens.push_back(static_cast<std::int32_t>(ids[0][i].item<std::int64_t>()));
  const auto worst = [&](std::span<const float> found, const at::Tensor& wanted) {
    REQUIRE(found.size() == static_cast<std::size_t>(wanted.numel()));
    const float* values = wanted.const_data_ptr<float>();
    double largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) largest = std::max(largest, std::abs(double{found[i]} - values[i]));
    return largest;
  };
  DecoderSession whole(decoder, 64), split(decoder, 64);
  CHECK(worst(whole.forward(tokens, 40), expected) < 1e-4);
  CHECK(worst(split.forward_early(tokens, 2, 40), early) < 1e-4);
  CHECK(worst(split.forward_rest(2, 40), expected) < 1e-4);
  const LlamaModule again = LlamaModule::from_folder(folder / "model");
  CHECK(at::equal(again.logits(again.forward(ids, 0, false).last.reshape({-1, 32}), false), expected));
}

TEST_CASE("bf16 products stay close to fp32") {
  const LlamaModule module(small_shape(), 5);
  const c10::NoGradGuard no_grad;
  const at::Tensor ids = some_ids(2, 16);
  const auto full = module.logits(module.forward(ids, 0, false).last, false);
  const auto half = module.logits(module.forward(ids, 0, true).last, true);
  CHECK((full - half).abs().max().item<double>() < 0.05 * full.abs().max().item<double>() + 0.01);
}

TEST_CASE("shapes that do not fit are refused") {
  LlamaShape shape = small_shape();
  shape.heads = 5;
  CHECK_THROWS_AS(LlamaModule(shape, 1), Error);
  shape = small_shape();
  shape.kv_heads = 3;
  CHECK_THROWS_AS(LlamaModule(shape, 1), Error);
  LlamaModule module(small_shape(), 1);
  shape = small_shape();
  shape.layers = 2;
  CHECK_THROWS_AS(module.copy_from(LlamaModule(shape, 1)), Error);
}

TEST_CASE("the parameter count is that of the exported tensors") {
  const LlamaModule module(small_shape(), 1);
  std::int64_t count = 0;
  for (const auto& [name, tensor] : module.exported()) count += tensor.numel();
  CHECK(count == small_shape().parameters());
}
