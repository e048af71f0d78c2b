// Predictions with gradients, held against the own kernels and against differences.
#include "models/gradient_decoder.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "decoder_fixture.hpp"

using namespace dynexec;

TEST_CASE("the predictions are those of the own kernels for every kind of layer") {
  for (const auto& entry : varied_configs()) {
    INFO(entry.first);
    const DecoderConfig& config = entry.second;
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 90);
    DecoderSession session(random_decoder(config), 90);
    const std::vector<float> wanted = copy(session.forward(tokens, 90));
    const GradientDecoder decoder(config, random_weights(5));
    const at::Tensor found = decoder.logits(tokens);
    REQUIRE(found.numel() == static_cast<std::int64_t>(wanted.size()));
    CHECK(!found.requires_grad());
    const at::Tensor expected = at::from_blob(const_cast<float*>(wanted.data()), found.sizes(), at::kFloat);
    CHECK(((found - expected).abs() / (expected.abs() + 1)).max().item<double>() < 1e-4);
    CHECK(decoder.matrices().size() == (config.family == "gpt2" ? 4U : 7U) * static_cast<std::size_t>(config.layers));
  }
}

TEST_CASE("gradients of every matrix are those that differences tell") {
  for (const auto& entry : varied_configs()) {
    INFO(entry.first);
    const DecoderConfig& config = entry.second;
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 24);
    GradientDecoder decoder(config, random_weights(5));
    const auto loss = [&] { return decoder.logits(tokens).log_softmax(1).select(1, 3).sum(); };
    const c10::AutoGradMode with_gradients(true);
    std::vector<at::Tensor> weights;
    for (const std::string& name : decoder.matrices())
      decoder.replace(name, weights.emplace_back(decoder.weight(name).clone().requires_grad_(true)));
    loss().backward();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      INFO(decoder.matrices()[i]);
      const at::Tensor gradient = weights[i].grad();
      REQUIRE(gradient.defined());
      // Along the gradient the loss changes most: the difference is far above rounding.
      const c10::NoGradGuard no_grad;
      const double norm = gradient.norm().item<double>();
      // Where a position sees itself alone, it does not matter how well its query fits its key.
      const bool alone = i / 7 == 3 && config.window[3] == 1 && i % 7 < 2;
      CHECK((norm < 1e-6) == alone);
      if (alone) continue;
      const at::Tensor step = gradient * (0.005 / norm);
      weights[i].add_(step);
      const double above = loss().item<double>();
      weights[i].sub_(step, 2);
      const double below = loss().item<double>();
      weights[i].add_(step);
      CHECK((above - below) / 0.01 == doctest::Approx(norm).epsilon(0.03));
    }
  }
}

TEST_CASE("a matrix put in another's place is what predictions are made with") {
  const DecoderConfig config = small_config();
  GradientDecoder decoder(config, random_weights(5));
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 12);
  const at::Tensor before = decoder.logits(tokens);
  const std::string& name = decoder.matrices()[5];
  const at::Tensor weight = decoder.weight(name);
  decoder.replace(name, weight * 2);
  CHECK(!decoder.logits(tokens).equal(before));
  decoder.replace(name, weight.clone());
  CHECK(decoder.logits(tokens).equal(before));
  CHECK_THROWS_AS(decoder.replace(name, weight.t()), Error);
  CHECK_THROWS_AS(decoder.replace("model.norm.weight", weight), Error);
}

TEST_CASE("texts that the network does not take are refused") {
  const DecoderConfig config = small_config();
  const GradientDecoder decoder(config, random_weights(5));
  const auto refused = [&](const std::vector<std::int32_t>& tokens) { CHECK_THROWS_AS(decoder.logits(tokens), Error); };
  refused({});
  refused({3, 131});
  refused({-1});
  refused(std::vector<std::int32_t>(401, 1));
}
