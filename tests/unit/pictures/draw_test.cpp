#include <doctest/doctest.h>

#include "tests/unit/pictures/picture_fixture.hpp"

using namespace dynexec;
using namespace dynexec::testing;

namespace {

constexpr double kRounding = 1e-5;
const std::vector<std::string> kTexts{"w4 w5", "w6", "w7 w8 w9 w10"};

std::unique_ptr<Sampler> sampler_of(const PictureModel& model, SamplerKind kind = SamplerKind::ddim,
                                    std::int64_t steps = 6) {
  SamplerOptions options = model.sampling();
  options.kind = kind;
  options.steps = steps;
  return make_sampler(options);
}

// The pictures made together, after checking that each is what it is alone.
std::vector<Drawing> draw_and_check(const PictureModel& model, const Sampler& sampler,
                                    const std::vector<DrawInput>& inputs, const DrawOptions& options) {
  draw(model, sampler, std::span(inputs).first(1), {});  // computes the time embeddings, which count once
  std::vector<Drawing> together = draw(model, sampler, inputs, options);
  REQUIRE(together.size() == inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CAPTURE(i);
    const Drawing alone = draw(model, sampler, std::span(inputs).subspan(i, 1), options).at(0);
    CHECK(largest_difference(together[i].pixels, alone.pixels) < kRounding);
    CHECK(together[i].steps == alone.steps);
    CHECK(together[i].cost.evaluations == alone.cost.evaluations);
    CHECK(together[i].cost.reused == alone.cost.reused);
    // The negative text is encoded once for all.
    CHECK(together[i].cost.macs <= alone.cost.macs * (1 + 1e-9));
    CHECK(together[i].cost.weight_bytes < alone.cost.weight_bytes);
  }
  return together;
}

bool differ(const Drawing& a, const Drawing& b) {
  return largest_difference(a.pixels, b.pixels) > 10 * kRounding;
}

}  // namespace

TEST_CASE("similar gray is similar whatever values stand for it") {
  const ImageShape shape{1, 16, 16};
  // Levels 0.48 and 0.5 of 1, on both sides of the middle of -1 to 1; no structure, so brightness alone counts.
  const std::vector<float> darker(256, -0.04f), middle(256, 0.0f), lighter(256, 0.04f);
  const double c1 = 0.01 * 0.01;
  CHECK(similarity(shape, darker, middle) ==
        doctest::Approx((2 * 0.48 * 0.5 + c1) / (0.48 * 0.48 + 0.5 * 0.5 + c1)).epsilon(1e-6));
  CHECK(similarity(shape, lighter, middle) > 0.999);
  CHECK(similarity(shape, lighter, darker) > 0.996);
}

TEST_CASE("pictures that are made together are what each is alone") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto inputs = draw_inputs(*model, kTexts);
  for (const SamplerKind kind : {SamplerKind::ddim, SamplerKind::heun, SamplerKind::unipc}) {
    const auto sampler = sampler_of(*model, kind);
    const auto plain = draw_and_check(*model, *sampler, inputs, {});
    const auto guided = draw_and_check(*model, *sampler, inputs, {.guidance = 4, .negative = "w11"});
    draw_and_check(*model, *sampler, inputs, {.guidance = 4, .cache_interval = 3});
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      CHECK(static_cast<std::size_t>(plain[i].cost.evaluations) == sampler->evaluations());
      CHECK(guided[i].cost.evaluations == 2 * plain[i].cost.evaluations);
      CHECK(plain[i].steps == 6);
      CHECK(plain[i].pixels.size() == 3 * 16 * 16);
      CHECK(differ(plain[i], guided[i]));
    }
    CHECK(differ(plain[0], plain[1]));
  }
  CHECK(sampler_of(*model, SamplerKind::heun)->evaluations() == 11);
}

TEST_CASE("each picture draws noise of its own stream") {
  const TextPipeline folder;
  const auto model = folder.load();
  auto inputs = draw_inputs(*model, kTexts);
  const auto sampler = sampler_of(*model, SamplerKind::euler_ancestral);
  const auto drawn = draw_and_check(*model, *sampler, inputs, {});
  inputs[1].streams.repetition = 1;
  const auto again = draw(*model, *sampler, inputs, {});
  CHECK(differ(again[1], drawn[1]));
  CHECK(largest_difference(again[0].pixels, drawn[0].pixels) == 0);
}

TEST_CASE("without guidance, guided evaluations are those of the text") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto inputs = draw_inputs(*model, kTexts);
  const auto sampler = sampler_of(*model);
  const auto plain = draw(*model, *sampler, inputs, {});
  const auto never = draw(*model, *sampler, inputs, {.guidance = 4, .guidance_from = 1});
  const auto half = draw(*model, *sampler, inputs, {.guidance = 4, .guidance_from = 0.2, .guidance_to = 0.7});
  CHECK(largest_difference(plain[0].pixels, never[0].pixels) < kRounding);
  CHECK(never[0].cost.evaluations == 6);
  CHECK(half[0].cost.evaluations == 6 + 3);
  CHECK(differ(half[0], plain[0]));
}

TEST_CASE("guidance ends for each picture once its predictions agree") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto inputs = draw_inputs(*model, kTexts);
  const auto sampler = sampler_of(*model);
  // From the second evaluation on at the latest.
  const auto ended = draw_and_check(*model, *sampler, inputs, {.guidance = 4, .guidance_agreement = -1});
  for (const Drawing& drawing : ended) CHECK(drawing.cost.evaluations == 2 + 5);
  // Between the agreements of the rows, so that the rows differ.
  const auto denoising = model->begin({.rows = 3, .texts = kTexts, .timesteps = sampler->timesteps(), .guidance = 4});
  std::vector<float> latents, output(3 * inputs[0].noise.size());
  for (const DrawInput& input : inputs) latents.insert(latents.end(), input.noise.begin(), input.noise.end());
  denoising->evaluate(0, latents, {}, output);
  std::vector<double> agreement = denoising->agreement();
  REQUIRE(agreement.size() == 3);
  std::sort(agreement.begin(), agreement.end());
  CHECK(agreement[0] < agreement[1]);
  CHECK(agreement[2] <= 1 + 1e-9);
  const double between = (agreement[0] + agreement[1]) / 2;
  const auto some = draw_and_check(*model, *sampler, inputs, {.guidance = 4, .guidance_agreement = between});
  draw_and_check(*model, *sampler, inputs, {.guidance = 4, .cache_interval = 2, .guidance_agreement = between});
  std::int64_t least = 100, most = 0;
  for (const Drawing& drawing : some) {
    least = std::min(least, drawing.cost.evaluations);
    most = std::max(most, drawing.cost.evaluations);
  }
  CHECK(least == 7);
  CHECK(most > 7);
}

TEST_CASE("a picture that stands still is finished while the others go on") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto inputs = draw_inputs(*model, kTexts);
  const auto sampler = sampler_of(*model);
  const auto whole = draw(*model, *sampler, inputs, {.guidance = 2});
  const auto soon = draw_and_check(*model, *sampler, inputs, {.guidance = 2, .stop_below = 1e9, .patience = 2});
  for (const Drawing& drawing : soon) {
    CHECK(drawing.steps == 3);
    CHECK(drawing.cost.evaluations == 6);
  }
  CHECK(soon[0].cost.macs < whole[0].cost.macs);
  const auto heun = draw(*model, *sampler_of(*model, SamplerKind::heun), inputs, {.stop_below = 1e9, .patience = 2});
  CHECK(heun[0].cost.evaluations == 3);
  CHECK(heun[0].steps == 2);
  // A threshold at which the pictures stop at different times.
  bool apart = false;
  for (double threshold = 1e-3; threshold < 10 && !apart; threshold *= 1.2) {
    const DrawOptions options{.guidance = 2, .stop_below = threshold, .patience = 1, .cache_interval = 3};
    const auto drawn = draw(*model, *sampler, inputs, options);
    apart = drawn[0].steps != drawn[1].steps || drawn[1].steps != drawn[2].steps;
    if (apart) draw_and_check(*model, *sampler, inputs, options);
  }
  CHECK(apart);
}

TEST_CASE("an interval of one reuses nothing, a longer one saves work") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto inputs = draw_inputs(*model, kTexts);
  const auto sampler = sampler_of(*model);
  draw(*model, *sampler, inputs, {});
  const auto plain = draw(*model, *sampler, inputs, {.guidance = 2});
  const auto one = draw(*model, *sampler, inputs, {.guidance = 2, .cache_interval = 1, .cache_branch = 1});
  const auto three = draw(*model, *sampler, inputs, {.guidance = 2, .cache_interval = 3, .cache_branch = 0});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CHECK(one[i].pixels == plain[i].pixels);
    CHECK(one[i].cost.macs == plain[i].cost.macs);
    CHECK(one[i].cost.reused == 0);
    CHECK(three[i].cost.evaluations == 12);
    CHECK(three[i].cost.reused == 8);
    CHECK(three[i].cost.macs < plain[i].cost.macs);
    CHECK(three[i].cost.weight_bytes < plain[i].cost.weight_bytes);
    CHECK(differ(three[i], plain[i]));
  }
}

TEST_CASE("no pictures, and pictures that cannot be made") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto sampler = sampler_of(*model);
  CHECK(draw(*model, *sampler, {}, {}).empty());
  auto inputs = draw_inputs(*model, {"w4"});
  inputs[0].noise[5] = NAN;
  const Error error = error_of([&] { draw(*model, *sampler, inputs, {}); });
  CHECK(error.kind() == ErrorKind::model);
  CHECK(error.where() == "evaluation 0");
  inputs[0].noise.resize(7);
  CHECK(error_of([&] { draw(*model, *sampler, inputs, {}); }).message() == "noise of 7 values, not 256");
}

TEST_CASE("pictures of a network without text") {
  const NetworkFolder folder;
  const auto model = load_picture_model(folder.path());
  CHECK(!model->takes_text());
  CHECK(model->latent_shape().height == 12);
  CHECK(model->sampling().noise.train_steps == 20);
  CHECK(model->sampling().limits.clip == 1);
  CHECK(model->parameters() > 100);
  CHECK(model->sha256().size() == 64);
  const auto inputs = draw_inputs(*model, {"", ""});
  const auto sampler = sampler_of(*model);
  const auto both = draw(*model, *sampler, inputs, {});
  const auto second = draw(*model, *sampler, std::span(inputs).subspan(1), {});
  CHECK(both[1].pixels == second[0].pixels);
  CHECK(both[1].cost.macs == second[0].cost.macs);
  CHECK(both[1].cost.evaluations == 6);
  CHECK(similarity(model->picture_shape(), both[0].pixels, both[0].pixels) == doctest::Approx(1));
  const auto stopped = draw(*model, *sampler, inputs, {.stop_below = 1e9, .patience = 1});
  CHECK(stopped[0].cost.evaluations == 2);
  CHECK(error_of([&] { draw(*model, *sampler, inputs, {.guidance = 2}); }).kind() == ErrorKind::config);
  CHECK(error_of([&] { draw(*model, *sampler, inputs, {.cache_interval = 2}); }).where() == "cache_branch");
}
