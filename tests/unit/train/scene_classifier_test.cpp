#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"
#include "config/node.hpp"
#include "data/scenes/labels.hpp"
#include "train/checkpoint.hpp"
#include "train/scene_classifier_trainer.hpp"

using namespace dynexec;

namespace {

constexpr const char* kConfig = R"(
kind: scene_classifier
output: out
network: {model_type: vgg, layers: [8, 0, 12, 0, 0], pooled_size: 4, classifier: [16]}
data: {complexities: [1, 2], evaluation: 30}
optimiser: {batch: 8, steps: 12, learning_rate: 4.0e-3, warmup: 2}
)";

SceneClassifierOptions read(const std::vector<std::string>& overrides = {}) {
  const Config config = Config::parse(kConfig, "test.yaml", overrides);
  SceneClassifierOptions options = read_scene_classifier_options(config.root(), "test.yaml");
  config.reject_unread();
  return options;
}

struct Setup {
  explicit Setup(const std::vector<std::string>& overrides = {}) : options(read(overrides)) {
    options.output = folder.file("out");
    options.work = folder.file("work");
  }
  SceneClassifierReport train() const { return train_scene_classifier(options, nullptr, nullptr); }
  std::string bytes(const std::string& name) const {
    std::ifstream file(std::filesystem::path(options.output) / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  dynexec_test::TempFolder folder;
  SceneClassifierOptions options;
};

std::vector<CaptionedScene> held_out(std::int64_t samples) {
  std::vector<CaptionedScene> scenes;
  for (const Sample& sample : scene_samples({.split = Split::calibration, .samples = samples}))
    scenes.push_back(std::any_cast<const CaptionedScene&>(sample.input));
  return scenes;
}

}  // namespace

TEST_CASE("a classifier of scenes learns, and its folder answers as the network that was trained") {
  const Setup setup({"optimiser.steps=40", "eval_every=20"});
  std::vector<SceneClassifierProgress> steps;
  const SceneClassifierReport report = train_scene_classifier(
      setup.options, [&](const SceneClassifierProgress& progress) { steps.push_back(progress); }, nullptr);
  REQUIRE(steps.size() == 40);
  CHECK(steps.back().loss < steps.front().loss);
  CHECK(report.figures.loss < 0.7 * steps.front().loss);
  CHECK(report.figures.groups.size() == 6);
  CHECK(report.figures.share.size() == 2);
  CHECK(setup.bytes("README.md").find("complexity/2") != std::string::npos);

  const auto classifier = PictureClassifier::load(setup.options.output);
  CHECK(classifier->labels().names == scenes::label_names());
  CHECK(classifier->feature_width() == 16);
  const auto network = trainable_backbone(setup.options.network, 9);
  NamedTensors tensors = network->parameters();
  const auto buffers = network->buffers();
  tensors.insert(tensors.end(), buffers.begin(), buffers.end());
  REQUIRE(load_checkpoint(setup.options.work + "/checkpoint.safetensors", tensors, fingerprint_of(setup.options)));
  const c10::NoGradGuard no_grad;
  const std::vector<CaptionedScene> scenes = held_out(3);
  const SceneBatch batch = scene_batch(scenes, nullptr, 0);
  const at::Tensor logits = network->forward(batch.pictures, {}, false, true).logits.contiguous();
  const std::size_t labels = scenes::label_names().size();
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    const float* row = logits.const_data_ptr<float>() + i * labels;
    std::vector<float> wanted(row, row + labels);
    to_probabilities(scene_picture_labels(), wanted);
    const std::vector<float> found = classifier->judge(scenes[i].pixels).at(0).probabilities;
    for (std::size_t k = 0; k < labels; ++k) CHECK(std::abs(found[k] - wanted[k]) < 1e-2);
  }
}

TEST_CASE("a classifier's run that was interrupted ends with the same weights") {
  const Setup whole, parts;
  whole.train();
  int steps = 0;
  CHECK_THROWS_AS(train_scene_classifier(
                      parts.options, [&](const SceneClassifierProgress&) { ++steps; }, [&] { return steps == 5; }),
                  Error);
  const SceneClassifierReport report = parts.train();
  CHECK(report.resumed_from == 5);
  CHECK(whole.bytes("model.safetensors") == parts.bytes("model.safetensors"));
  Setup other;
  other.options.work = parts.options.work;
  other.options.disturbance.noise = 0.5;
  CHECK_THROWS_AS(other.train(), Error);
}

TEST_CASE("configs of a classifier that make no sense are refused") {
  for (const char* bad :
       {"network.num_classes=10", "network.image_size=16", "network.layers=[0]", "data.complexities=[6]",
        "data.complexities=[]", "data.blur=0.5", "kind=encoder", "optimiser.momentum=0.9"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(read({bad}), Error);
  }
  CHECK(fingerprint_of(read()) == fingerprint_of(read({"output=elsewhere"})));
  CHECK(fingerprint_of(read()) != fingerprint_of(read({"data.light=0"})));
}

TEST_CASE("batches of scenes: the same for the same number, clean or disturbed") {
  const SceneClassifierOptions options = read();
  const SceneBatch first = draw_scene_batch(options, 0, 6), again = draw_scene_batch(options, 4, 2);
  CHECK(first.pictures.narrow(0, 4, 2).equal(again.pictures));
  CHECK(first.labels.narrow(0, 4, 2).equal(again.labels));
  SceneClassifierOptions clean = options;
  clean.disturbance = {.noise = 0, .blur = 0, .light = 0};
  const SceneBatch undisturbed = draw_scene_batch(clean, 0, 6);
  const at::Tensor change = first.pictures.sub(undisturbed.pictures).abs();
  CHECK(change.max().item<double>() > 0.01);
  CHECK(change.mean().item<double>() < 0.1);
  CHECK(first.labels.equal(undisturbed.labels));
  // Blur keeps the sum of a picture, light moves all values alike, noise has the deviation that was asked for.
  std::vector<float> flat(3072, 0.5F);
  RandomStream random(1, 0, 0, 0);
  disturb({.noise = 0, .blur = 0.3, .light = 0}, 32, random, flat);
  for (const float value : flat) CHECK(value == doctest::Approx(0.5));
  std::vector<float> noisy(3072, 0);
  RandomStream same(2, 0, 0, 0), other(2, 0, 0, 0);
  disturb({.noise = 1, .blur = 0, .light = 0}, 32, same, noisy);
  other.uniform(), other.uniform();
  const double strength = other.uniform();
  double square = 0;
  for (const float value : noisy) square += value * value / 3072;
  CHECK(std::sqrt(square) == doctest::Approx(strength).epsilon(0.05));
}

TEST_CASE("the loss leaves out labels that are not known") {
  const std::vector<CaptionedScene> scenes = held_out(4);
  SceneBatch batch = scene_batch(scenes, nullptr, 0);
  const PictureLabels labels = scene_picture_labels();
  at::Tensor logits = batch.labels * 40 - 20;  // sure of the truth
  CHECK(scene_loss(labels, logits, batch).item<double>() < 1e-3);
  const auto last = static_cast<std::int64_t>(labels.names.size()) - 1;
  logits.select(1, last).mul_(-1);
  CHECK(scene_loss(labels, logits, batch).item<double>() > 10);
  batch.known.select(1, last).zero_();
  CHECK(scene_loss(labels, logits, batch).item<double>() < 1e-3);
}

TEST_CASE("the shipped classifier finds what captions promise in their pictures") {
  const auto classifier = PictureClassifier::load(DYNEXEC_SOURCE_DIR "/models/scenes-classifier");
  CHECK(classifier->labels().names == scenes::label_names());
  scenes::Agreement all;
  for (const CaptionedScene& scene : held_out(100)) {
    const auto judgement = classifier->judge(scene.pixels).at(0);
    const scenes::Agreement one = scenes::check_caption(scene.caption, judgement.probabilities);
    all.held += one.held;
    all.promised += one.promised;
  }
  CHECK(all.share() >= 0.95);
}
