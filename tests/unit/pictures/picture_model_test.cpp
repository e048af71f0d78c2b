#include <doctest/doctest.h>

#include "tests/unit/pictures/picture_fixture.hpp"

using namespace dynexec;
using namespace dynexec::testing;

namespace {

constexpr std::size_t kLatents = 4 * kSide * kSide;
const std::vector<double> kTimesteps{900, 600, 300};

// Latents of rows, the same for the same row.
std::vector<float> latents_of(std::size_t rows) {
  std::vector<float> values(rows * kLatents);
  RandomStream random(1, 2, 3, 4);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

std::vector<float> evaluate(Denoising& denoising, std::size_t evaluation, const EvaluationMode& mode) {
  const std::vector<float> input = latents_of(denoising.rows());
  std::vector<float> output(input.size());
  denoising.evaluate(evaluation, input, mode, output);
  return output;
}

PictureRequest request_of(double guidance, std::int64_t branch = -1) {
  return {.rows = 2, .texts = {"w4", "w5 w6"}, .timesteps = kTimesteps, .guidance = guidance, .cache_branch = branch};
}

// What loading is refused with after a change.
template <class Change>
Error refusal(const Change& change) {
  TextPipeline folder("refused");
  change(folder);
  return error_of([&] { folder.load(); });
}

}  // namespace

TEST_CASE("what a pipeline says about itself") {
  const TextPipeline folder;
  const auto model = folder.load();
  CHECK(model->takes_text());
  CHECK(model->latent_shape().channels == 4);
  CHECK(model->latent_shape().width == kSide);
  CHECK(model->picture_shape().channels == 3);
  CHECK(model->picture_shape().width == 2 * kSide);
  CHECK(model->parameters() > 1000);
  CHECK(model->sampling().kind == SamplerKind::ddim);
  CHECK(model->sampling().offset == 0);
  CHECK(model->sampling().limits.clip == 0);
  // Every file that was loaded counts.
  const std::string hash = model->sha256();
  CHECK(hash.size() == 64);
  std::ofstream(folder.path() / "tokenizer" / "tokenizer.json", std::ios::app) << "\n";
  CHECK(model->sha256() != hash);
}

TEST_CASE("a scheduler's numbers that only Python writes") {
  const TextPipeline folder;
  folder.load();
  const std::filesystem::path file = folder.path() / "scheduler" / "scheduler_config.json";
  std::ofstream(file) << R"({"_class_name": "UniPCMultistepScheduler", "lambda_min_clipped": -Infinity,
                             "other": [Infinity, "\"-Infinity"], "steps_offset": 1})";
  CHECK(load_picture_model(folder.path())->sampling().kind == SamplerKind::unipc);
  CHECK(load_picture_model(folder.path())->sampling().offset == 1);
  std::ofstream(file) << R"({"lambda_min_clipped": -Infinity,
                             "steps_offset": one})";
  CHECK(error_of([&] { load_picture_model(folder.path()); }).where().ends_with("scheduler_config.json:2:46"));
}

TEST_CASE("texts and schedules are prepared once") {
  const TextPipeline folder;
  const auto model = folder.load();
  const PictureCost first = model->begin(request_of(1))->cost(0), second = model->begin(request_of(1))->cost(0);
  CHECK(first.macs == second.macs);  // the first of a schedule is charged for no more than the others
  CHECK(second.macs > 0);
  CHECK(second.evaluations == 0);
  const PictureCost guided = model->begin(request_of(3))->cost(0);
  CHECK(guided.macs == doctest::Approx(1.5 * second.macs));  // three texts instead of two
  const auto denoising = model->begin(request_of(3));
  evaluate(*denoising, 0, {});
  const double both = denoising->cost(0).macs;
  evaluate(*denoising, 1, {.guided = false});
  CHECK((both - guided.macs) == doctest::Approx(2 * (denoising->cost(0).macs - both)));
  CHECK(denoising->cost(1).evaluations == 3);
}

TEST_CASE("a reuse without guidance takes the text's part of what was kept with it") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto guided = model->begin(request_of(3, 0)), plain = model->begin(request_of(1, 0));
  CHECK(error_of([&] { evaluate(*guided, 0, {.reuse = true}); }).kind() == ErrorKind::internal);
  evaluate(*guided, 0, {});
  evaluate(*plain, 0, {});
  CHECK(largest_difference(evaluate(*guided, 1, {.guided = false, .reuse = true}),
                           evaluate(*plain, 1, {.reuse = true})) < 1e-5);
  CHECK(guided->cost(0).reused == 1);
  // The same features serve a guided reuse, too.
  const double before = guided->cost(0).macs;
  evaluate(*guided, 2, {.reuse = true});
  CHECK(guided->cost(0).reused == 3);
  const double reused = guided->cost(0).macs - before;
  evaluate(*guided, 2, {});
  CHECK(guided->cost(0).macs - before - reused > 1.2 * reused);
}

TEST_CASE("a guided reuse of what was kept without guidance runs as a whole and is kept") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto cached = model->begin(request_of(3, 0)), whole = model->begin(request_of(3));
  evaluate(*cached, 0, {.guided = false});
  CHECK(evaluate(*cached, 1, {.reuse = true}) == evaluate(*whole, 1, {}));
  CHECK(cached->cost(0).reused == 0);
  CHECK(cached->cost(0).evaluations == 3);
  evaluate(*cached, 2, {.reuse = true});
  CHECK(cached->cost(0).reused == 2);
}

TEST_CASE("rows that go on keep their texts, features and guidance") {
  const TextPipeline folder;
  const auto model = folder.load();
  PictureRequest second = request_of(3, 0);
  second.rows = 1;
  second.texts = {"w5 w6"};
  const auto both = model->begin(request_of(3, 0)), alone = model->begin(second);
  const std::vector<float> input = latents_of(2), row(input.begin() + kLatents, input.end());
  std::vector<float> wide(2 * kLatents), narrow(kLatents), wanted(kLatents);
  both->evaluate(0, input, {}, wide);
  alone->evaluate(0, row, {}, wanted);
  CHECK(largest_difference({wide.begin() + kLatents, wide.end()}, wanted) < 1e-5);
  CHECK(both->agreement()[1] == doctest::Approx(alone->agreement()[0]));
  both->keep_rows(std::vector<std::size_t>{1});
  CHECK(both->rows() == 1);
  CHECK(both->agreement()[0] == doctest::Approx(alone->agreement()[0]));
  for (const bool reuse : {true, false}) {
    both->evaluate(1, row, {.reuse = reuse}, narrow);
    alone->evaluate(1, row, {.reuse = reuse}, wanted);
    CHECK(largest_difference(narrow, wanted) < 1e-5);
  }
  both->end_guidance(std::vector<std::size_t>{0});
  both->evaluate(2, row, {}, narrow);
  alone->evaluate(2, row, {.guided = false}, wanted);
  CHECK(largest_difference(narrow, wanted) < 1e-5);
  CHECK(both->cost(0).evaluations == alone->cost(0).evaluations);
  CHECK(error_of([&] { both->keep_rows(std::vector<std::size_t>{1}); }).kind() == ErrorKind::internal);
  CHECK(error_of([&] { both->keep_rows({}); }).kind() == ErrorKind::internal);
}

TEST_CASE("squares of pixels come apart in pixel_shuffle's order") {
  TextPipeline folder("patched");
  folder.make_patched();
  const auto model = folder.load();
  const ImageShape shape = model->picture_shape();
  CHECK(shape.channels == 1);
  CHECK(shape.height == 2 * kSide);
  std::vector<float> latents(kLatents);
  for (std::size_t i = 0; i < kLatents; ++i) latents[i] = static_cast<float>(i) / kLatents;
  PictureCost cost;
  const std::vector<float> pixels = model->decode(latents, cost);
  CHECK(cost.macs == 0);
  REQUIRE(pixels.size() == kLatents);
  for (std::size_t y = 0; y < 2 * kSide; ++y)
    for (std::size_t x = 0; x < 2 * kSide; ++x)
      CHECK(pixels[y * 2 * kSide + x] == latents[((y % 2 * 2 + x % 2) * kSide + y / 2) * kSide + x / 2]);
  latents[3] = 7;
  CHECK(model->decode(latents, cost)[6] == 1);
  latents[3] = NAN;
  CHECK(error_of([&] { model->decode(latents, cost); }).kind() == ErrorKind::model);
}

TEST_CASE("requests that a pipeline cannot meet") {
  const TextPipeline folder;
  const auto model = folder.load();
  const auto kind_of = [&](const PictureRequest& request) { return error_of([&] { model->begin(request); }).kind(); };
  CHECK(error_of([&] { model->begin(request_of(1, 2)); }).where() == "cache_branch");
  CHECK(kind_of(request_of(1, 2)) == ErrorKind::config);
  CHECK(kind_of({.rows = 0, .timesteps = kTimesteps}) == ErrorKind::internal);
  CHECK(kind_of({.rows = 1, .timesteps = kTimesteps}) == ErrorKind::internal);
  // A value that is not finite is told where it appears.
  const auto denoising = model->begin(request_of(2));
  evaluate(*denoising, 0, {});
  std::vector<float> input = latents_of(2), output(input.size());
  input[9] = INFINITY;
  const Error error = error_of([&] { denoising->evaluate(2, input, {}, output); });
  CHECK(error.kind() == ErrorKind::model);
  CHECK(error.where() == "evaluation 2");
  CHECK(error_of([&] { denoising->evaluate(3, input, {}, output); }).kind() == ErrorKind::internal);
}

TEST_CASE("a quantised pipeline draws nearly the picture of fp32, with fewer bytes, the same again and in a batch") {
  const TextPipeline folder;
  const auto model = folder.load();
  CHECK(model->can_be_quantised());
  const auto sampler = make_sampler({.steps = 4});
  const auto inputs = draw_inputs(*model, {"w4", "w5 w6"});
  int calibrations = 0;
  const auto load = [&](QuantisedWeights weights = QuantisedWeights::int8) {
    const PictureRanges ranges = learn_picture_ranges(folder.path(), [&](const PictureModel& observed) {
      ++calibrations;
      const auto drawn = draw(observed, *sampler, inputs, {.guidance = 2});
      CHECK(drawn.front().pixels == draw(*model, *sampler, inputs, {.guidance = 2}).front().pixels);
    });
    return load_quantised_picture_model(folder.path(), weights, ranges);
  };
  const auto whole = draw(*model, *sampler, inputs, {.guidance = 2});
  const auto first = draw(*load(), *sampler, inputs, {.guidance = 2}),
             again = draw(*load(), *sampler, inputs, {.guidance = 2});
  CHECK(calibrations == 2);
  const auto alone = draw(*load(), *sampler, std::span(inputs).subspan(1), {.guidance = 2});
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(first[i].pixels == again[i].pixels);
    CHECK(largest_difference(first[i].pixels, whole[i].pixels) > 0);
    CHECK(similarity(model->picture_shape(), first[i].pixels, whole[i].pixels) > 0.9);
    CHECK(first[i].cost.macs == whole[i].cost.macs);
    CHECK(first[i].cost.weight_bytes < 0.85 * whole[i].cost.weight_bytes);
  }
  CHECK(largest_difference(alone.front().pixels, first[1].pixels) < 1e-5);
  // Bytes are always finite; what is not, is told all the same.
  const auto quantised = load();
  const auto denoising = quantised->begin(request_of(2));
  for (const float wrong : {INFINITY, NAN}) {
    std::vector<float> input = latents_of(2), output(input.size());
    input[9] = wrong;
    const Error error = error_of([&] { denoising->evaluate(0, input, {}, output); });
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where() == "evaluation 0");
  }
  const auto nibbles = draw(*load(QuantisedWeights::int4), *sampler, inputs, {.guidance = 2});
  CHECK(similarity(model->picture_shape(), nibbles.front().pixels, whole.front().pixels) > 0.8);
  const NetworkFolder network;
  CHECK_FALSE(load_picture_model(network.path())->can_be_quantised());
  for (const auto& action :
       {std::function<void()>([&] { learn_picture_ranges(network.path(), {}); }), std::function<void()>([&] {
          load_quantised_picture_model(network.path(), QuantisedWeights::int8, nullptr);
        })}) {
    const Error refused = error_of(action);
    CHECK(refused.kind() == ErrorKind::model);
    CHECK_FALSE(refused.hint().empty());
  }
}

TEST_CASE("folders that are no model of pictures") {
  const auto where = [](const auto& change) { return refusal(change).where(); };
  const auto ends_with = [](const std::string& text, const std::string& end) {
    CAPTURE(text);
    return text.ends_with(end);
  };
  CHECK(refusal([](TextPipeline&) {}).message().empty());
  CHECK(ends_with(where([](TextPipeline& f) { f.unet.config.erase("sample_size"); }), "config.json: sample_size"));
  CHECK(ends_with(where([](TextPipeline& f) { f.unet.config["sample_size"] = 65536; }), "config.json: sample_size"));
  for (const auto& [patch, with_vae] : {std::pair{0, false}, {17, false}, {3, false}, {2, true}}) {
    const int pixels = patch;
    CAPTURE(pixels);
    CHECK(ends_with(where([patch = patch, with_vae = with_vae](TextPipeline& f) {
                      if (!with_vae) f.make_patched();
                      f.index["patch"] = patch;
                    }),
                    "model_index.json: patch"));
  }
  CHECK(ends_with(where([](TextPipeline& f) { f.index.erase("unet"); }), "model_index.json"));
  CHECK(ends_with(where([](TextPipeline& f) { f.index.erase("vae"); }), "model_index.json"));
  CHECK(ends_with(where([](TextPipeline& f) { f.scheduler["beta_schedule"] = "sigmoid"; }),
                  "scheduler_config.json: beta_schedule"));
  TextPipeline folder("no-tokenizer");
  folder.load();
  std::filesystem::remove_all(folder.path() / "tokenizer");
  const Error missing = error_of([&] { load_picture_model(folder.path()); });
  CHECK(missing.kind() == ErrorKind::model);
  CHECK(missing.message() == "the pipeline has no tokenizer, but takes text");
  std::filesystem::remove(folder.path() / "model_index.json");
  CHECK(error_of([&] { load_picture_model(folder.path()); }).message() ==
        "the folder has neither model_index.json nor config.json");
  CHECK(error_of([&] { load_picture_model(folder.path() / "text_encoder"); }).kind() == ErrorKind::model);
}
