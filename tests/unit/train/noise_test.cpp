#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"
#include "models/diffusion/pipeline.hpp"
#include "models/diffusion/unet_forward.hpp"
#include "train/noise_batches.hpp"
#include "train/noise_module.hpp"
#include "train/noise_trainer.hpp"

using namespace dynexec;

namespace {

constexpr const char* kToy = R"(
output: nowhere
model: {patch: 4, channels: [16, 16], attending_levels: 1, heads: 2, groups: 4, text: {width: 16, layers: 1, heads: 2, ffn: 16}}
data: {complexities: [1], batch: 8, evaluation: 12}
noise: {prediction: v}
optimiser: {kind: muon, steps: 6, learning_rate: 4.0e-3, warmup: 2}
)";

struct Setup {
  explicit Setup(const std::vector<std::string>& overrides = {}) {
    const Config config = Config::parse(kToy, "toy.yaml", overrides);
    options = read_noise_train_options(config.root(), "");
    options.output = folder.file("out");
    options.work = folder.file("work");
    config.reject_unread();
  }
  NoiseTrainReport train() const { return train_diffusion(options, nullptr, nullptr); }

  dynexec_test::TempFolder folder;
  NoiseTrainOptions options;
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string weights_of(const std::string& folder) {
  return bytes_of(folder + "/unet/diffusion_pytorch_model.safetensors") +
         bytes_of(folder + "/text_encoder/model.safetensors");
}

// The numbers rather than the bytes: an update of 0 makes 0 of the -0 that a tiny negative weight is in half precision.
std::map<std::string, std::vector<float>> numbers_of(const std::string& folder) {
  std::map<std::string, std::vector<float>> numbers;
  for (const char* part : {"/unet", "/text_encoder"}) {
    const ModelFolder model = ModelFolder::open(folder + part);
    for (const std::string& name : model.tensor_names()) {
      const TensorView view = *model.find(name);
      auto& values = numbers[part + ("/" + name)];
      values.resize(static_cast<std::size_t>(view.elements()));
      copy_as_f32(view, values);
    }
  }
  return numbers;
}

}  // namespace

TEST_CASE("a diffusion model learns to tell noise from scenes") {
  Setup setup({"optimiser.steps=120", "precision=fp32", "average=0.9"});
  const NoiseTrainReport report = setup.train();
  // Without knowing anything the mean square of a velocity of variance about 1 is near 1.
  CHECK(report.eval_loss < 0.5);
}

TEST_CASE("a training run of pictures that was stopped ends with the same weights") {
  for (const char* precision : {"precision=fp32", "precision=bf16"}) {
    Setup whole({precision}), parts({precision});
    whole.train();
    int steps = 0;
    CHECK_THROWS_AS(train_diffusion(parts.options, nullptr, [&] { return steps++ == 3; }), Error);
    CHECK(parts.train().resumed_from == 3);
    CHECK(weights_of(whole.options.output) == weights_of(parts.options.output));
    parts.options.no_text = 0.5;
    CHECK_THROWS_AS(parts.train(), Error);  // the checkpoint belongs to other settings
  }
}

TEST_CASE("training goes on from the weights of a pipeline") {
  Setup first({"average=0"});
  const double reached = first.train().eval_loss;
  Setup second({"average=0", "optimiser.learning_rate=0", "start_from=" + first.options.output});
  // Stored in half precision.
  CHECK(second.train().eval_loss == doctest::Approx(reached).epsilon(1e-3));
  const auto kept = numbers_of(second.options.output), taken = numbers_of(first.options.output);
  CHECK((kept.size() > 10 && kept == taken));
  // A checkpoint belongs to its beginning, and other shapes have no such weights.
  second.options.start_from = "";
  CHECK_THROWS_AS(second.train(), Error);
  Setup wider({"model.channels=[16, 32]", "start_from=" + first.options.output});
  CHECK_THROWS_AS(wider.train(), Error);
}

TEST_CASE("the exported pipeline answers as the module does") {
  Setup setup({"average=0"});  // no average: the weights themselves
  setup.train();
  const std::filesystem::path folder = setup.options.output;
  const auto unet = diffusers::UNet::load(folder / "unet");
  const auto text = diffusers::ClipText::load(folder / "text_encoder");
  const auto tokenizer = Tokenizer::load(folder / "tokenizer");
  nlohmann::json text_config = setup.options.text;
  text_config["vocab_size"] = tokenizer->vocab_size();
  const NoiseModule module(setup.options.unet, text_config, 5);
  const c10::NoGradGuard no_grad;
  // Takes over what was written, in its own order and shapes.
  for (const char* part : {"unet", "text"}) {
    const ModelFolder model = ModelFolder::open(folder / (std::string(part) == "unet" ? "unet" : "text_encoder"));
    for (const auto& [name, tensor] : module.parameters()) {
      if (!name.starts_with(std::string(part) + ".")) continue;
      const auto view = model.find(name.substr(std::string(part).size() + 1));
      REQUIRE(view);
      copy_as_f32(*view, {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
    }
  }
  const NoiseBatches batches(setup.options, tokenizer);
  const NoiseBatch batch = batches.evaluation(0, 3);
  const at::Tensor wanted = module.forward(batch.noisy, batch.timesteps, batch.ids);
  for (std::int64_t row = 0; row < 3; ++row) {
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < batch.ids.size(1); ++i)
      ids.push_back(static_cast<std::int32_t>(batch.ids[row][i].item<std::int64_t>()));
    diffusers::Cost cost;
    const at::Tensor states = text->encode({&ids, 1}, cost);
    const std::vector<double> timestep{batch.timesteps[row].item<double>()};
    const at::Tensor found =
        unet->forward(batch.noisy.narrow(0, row, 1), unet->times(timestep), 0, unet->prompt(states), cost);
    CHECK(at::allclose(found, wanted.narrow(0, row, 1), 1e-4, 1e-5));
  }
}

TEST_CASE("batches of pictures: the noise schedule's mixture, captions left out, evaluation apart") {
  const Setup setup({"data.batch=64", "data.no_text=0.5"});
  const auto tokenizer = Tokenizer::parse(scene_tokenizer(), "tokenizer.json");
  NoiseBatches batches(setup.options, tokenizer), again(setup.options, tokenizer);
  const NoiseBatch first = batches.next(0), second = batches.next(1);
  CHECK(first.noisy.sizes().vec() == std::vector<std::int64_t>{64, 48, 8, 8});
  CHECK(at::equal(again.next(1).noisy, second.noisy));
  CHECK_FALSE(at::equal(first.noisy, second.noisy));
  // Timesteps are spread evenly.
  for (std::int64_t row = 0; row < 64; ++row) {
    const double share = first.timesteps[row].item<double>() / 1000;
    CHECK(share >= static_cast<double>(row) / 64 - 1e-3);
    CHECK(share < static_cast<double>(row + 1) / 64);
  }
  const std::size_t silent = static_cast<std::size_t>((first.ids.ne(0).sum(1) == 2).sum().item<std::int64_t>());
  CHECK(silent > 15);
  CHECK(silent < 50);
  // With a = sqrt(alpha_bar) and s = sqrt(1 - alpha_bar), a * noisy - s * v is the clean picture.
  const NoiseSchedule schedule(setup.options.noise);
  for (const std::int64_t row : std::initializer_list<std::int64_t>{0, 30, 63}) {
    const double left = schedule.alpha_bar(first.timesteps[row].item<std::int64_t>());
    const at::Tensor clean = std::sqrt(left) * first.noisy[row] - std::sqrt(1 - left) * first.target[row];
    CHECK(clean.abs().max().item<double>() < 1 + 1e-4);
    CHECK(clean.abs().max().item<double>() > 0.3);
  }
  CHECK((batches.evaluation(0, 8).ids.ne(0).sum(1) > 2).all().item<bool>());
}

TEST_CASE("captions are left out, and noises drawn, whatever the scene is") {
  const Setup setup({"data.batch=512", "data.no_text=0.5", "data.complexities=[1, 2, 3, 4, 5]"});
  const auto tokenizer = Tokenizer::parse(scene_tokenizer(), "tokenizer.json");
  const NoiseBatch batch = NoiseBatches(setup.options, tokenizer).next(0);
  std::map<int, std::pair<int, int>> silent;  // by complexity: left out, all
  for (std::int64_t row = 0; row < 512; ++row) {
    const CaptionedScene scene =
        draw_captioned_scene(setup.options.scenes, static_cast<std::uint64_t>(row), Purpose::training);
    silent[scene.complexity].first += batch.ids[row].ne(0).sum().item<std::int64_t>() == 2 ? 1 : 0;
    silent[scene.complexity].second += 1;
  }
  REQUIRE(silent.size() == 5);
  for (const auto& [complexity, counts] : silent) {
    CHECK(counts.first > 0.3 * counts.second);
    CHECK(counts.first < 0.7 * counts.second);
  }
}

TEST_CASE("options of a diffusion model that do not fit are refused with their place") {
  for (const char* wrong : {"model.patch=3", "data.complexities=[6]", "model.text.layers=0", "model.attending_levels=3",
                            "noise.prediction=noise", "modle.patch=2"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(Setup({wrong}), Error);
  }
  Setup heads({"model.heads=3"});
  CHECK_THROWS_AS(heads.train(), Error);
}
