#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <fstream>

#include "../models/cnn_fixture.hpp"
#include "base/error.hpp"
#include "models/exit_heads.hpp"
#include "train/backbone.hpp"
#include "train/code_pool.hpp"
#include "train/exit_trainer.hpp"

using namespace dynexec;

namespace {

nlohmann::json resnet(const std::string& shortcut) {
  return {{"model_type", "resnet"}, {"depths", {1, 2}},        {"widths", {8, 12}},
          {"stem", "cifar"},        {"shortcut", shortcut},    {"num_classes", 10},
          {"image_size", 16},       {"mean", {0.4, 0.5, 0.6}}, {"std", {0.3, 0.4, 0.5}}};
}
nlohmann::json vgg() {
  return {{"model_type", "vgg"}, {"layers", {8, 8, 0, 16, 0, 16, 0}}, {"num_classes", 10},
          {"image_size", 16},    {"mean", {0.5, 0.5, 0.5}},           {"std", {0.5, 0.5, 0.5}}};
}

ExitTrainOptions options_for(const nlohmann::json& network, const std::filesystem::path& folder) {
  ExitTrainOptions options;
  options.network = network;
  options.output = (folder / "out").string();
  options.work = (folder / "work").string();
  options.title = "toy";
  options.head = "bof";
  options.places = "all";
  options.codewords = 12;
  options.hidden = 8;
  options.data.format = "shapes";
  options.data.evaluation = 40;
  options.data.shapes.size = 16;
  options.data.shapes.mix = {1, 0, 0, 0, 0};
  options.batch = 16;
  options.optimiser.steps = 150;
  options.optimiser.learning_rate = 0.02;
  options.optimiser.warmup = 5;
  return options;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace

TEST_CASE("pooled codes and their gradient against the same in single operations") {
  for (const std::int64_t size : std::initializer_list<std::int64_t>{2, 5, 8}) {
    CAPTURE(size);
    at::Tensor mine = 2 * at::randn({3, size, size, 20});
    at::Tensor reference = mine.clone();
    mine.requires_grad_(true);
    reference.requires_grad_(true);
    const at::Tensor weight = at::randn({3, 2, 2, 20});
    const at::Tensor pooled = pool_codes_2x2(mine);
    const at::Tensor codes = at::sigmoid(reference);
    const at::Tensor wanted =
        at::adaptive_avg_pool2d((codes / codes.sum(-1, true)).permute({0, 3, 1, 2}), {2, 2}).permute({0, 2, 3, 1});
    CHECK(largest_difference(pooled, wanted) < 1e-6);
    (pooled * weight).sum().backward();
    (wanted * weight).sum().backward();
    CHECK(reference.grad().abs().max().item<double>() > 1e-3);
    CHECK(largest_difference(mine.grad(), reference.grad()) < 1e-6);
  }
}

TEST_CASE("a network trained with its heads: what is written runs as it was trained") {
  for (const nlohmann::json& network : {resnet("pad"), resnet("projection"), vgg()}) {
    CAPTURE(network.dump());
    const CnnFolder folder("joint");
    const ExitTrainOptions options = options_for(network, folder.path());
    std::vector<double> losses;
    const ExitTrainReport report = train_exits(
        options, [&](const ExitTrainProgress& progress) { losses.push_back(progress.loss); }, nullptr);
    CHECK(losses.back() < 0.95 * losses.front());
    CHECK(report.full_accuracy > 0.15);

    const ModelFolder written = ModelFolder::open(options.output);
    const auto loaded = Cnn::load(written);
    const std::vector<ExitPoint> exits = load_exit_heads(written, *loaded);
    REQUIRE(exits.size() == loaded->units().size() - 1);
    // The accuracies of the card come from the training code in fp32, these from the written folder.
    CnnSession session(loaded);
    ShapeOptions shapes = options.data.shapes;
    shapes.split = Split::calibration;
    const LabelledImages images = draw_shapes(shapes, 0, 40);
    std::vector<double> correct(exits.size() + 1, 0);
    std::vector<float> logits(10);
    const auto best = [](std::span<const float> values) {
      return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
    };
    for (std::size_t i = 0; i < 40; ++i) {
      session.start(images.image(i));
      for (std::size_t e = 0; e < exits.size(); ++e) {
        session.run_to(exits[e].unit);
        exits[e].head->classify(session.features(), logits);
        correct[e] += best(logits) == images.labels[i] ? 1.0 / 40 : 0;
      }
      session.run_to(loaded->units().size() - 1);
      correct.back() += best(session.logits()) == images.labels[i] ? 1.0 / 40 : 0;
    }
    // Weights in half precision may turn an image that lies on the edge.
    for (std::size_t e = 0; e < exits.size(); ++e) CHECK(std::abs(correct[e] - report.accuracies[e]) < 0.051);
    CHECK(std::abs(correct.back() - report.full_accuracy) < 0.051);
  }
}

TEST_CASE("training of network and heads that was interrupted ends with the same weights") {
  const CnnFolder whole("joint-whole"), parts("joint-parts");
  ExitTrainOptions first = options_for(vgg(), whole.path()), second = options_for(vgg(), parts.path());
  first.optimiser.steps = second.optimiser.steps = 12;
  first.start = second.start = 0.5;  // the heads join between the two parts
  train_exits(first, nullptr, nullptr);
  int steps = 0;
  CHECK_THROWS_AS(train_exits(
                      second, [&](const ExitTrainProgress&) { ++steps; }, [&] { return steps == 4; }),
                  Error);
  CHECK(train_exits(second, nullptr, nullptr).resumed_from == 4);
  const auto bytes = [](const ExitTrainOptions& options) {
    std::ifstream file(std::filesystem::path(options.output) / "model.safetensors", std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  CHECK(bytes(first) == bytes(second));
}

TEST_CASE("running statistics follow the images and evaluation uses them") {
  const auto network = trainable_backbone(resnet("pad"), 3);
  const c10::NoGradGuard no_grad;
  const at::Tensor images = at::rand({8, 3, 16, 16});
  const at::Tensor before = network->forward(images, {}, false, true).logits;
  CHECK(largest_difference(before, network->forward(images, {}, false, true).logits) == 0);
  for (int i = 0; i < 60; ++i) network->forward(images, {}, true, true);
  const at::Tensor after = network->forward(images, {}, false, true).logits;
  CHECK(largest_difference(before, after) > 1e-3);
  // Statistics of many passes over one batch are that batch's own.
  CHECK(largest_difference(after, network->forward(images, {}, true, true).logits) <
        0.1 * after.abs().max().item<double>());
}

TEST_CASE("hidden fully connected layers answer as they were trained, and show what the last layer saw") {
  nlohmann::json network = vgg();
  network["classifier"] = {24, 12};
  network["pooled_size"] = 2;
  const auto module = trainable_backbone(network, 5);
  const c10::NoGradGuard no_grad;
  const at::Tensor images = at::rand({1, 3, 16, 16});
  for (int i = 0; i < 20; ++i) module->forward(at::rand({8, 3, 16, 16}), {}, true, true);
  const CnnFolder folder("hidden");
  std::vector<TensorView> views;
  std::vector<at::Tensor> owners;
  module->export_to(views, owners);
  write_safetensors(folder.path() / "model.safetensors", views, {});
  std::ofstream(folder.path() / "config.json") << module->config_json().dump();
  const auto loaded = Cnn::load(folder.path());
  CHECK(loaded->embedding_width() == 12);
  CnnSession session(loaded);
  session.start({images.const_data_ptr<float>(), static_cast<std::size_t>(images.numel())});
  session.run_to(loaded->units().size() - 1);
  const at::Tensor wanted = module->forward(images, {}, false, true).logits.contiguous();
  const std::span<const float> logits = session.logits(), embedding = session.embedding();
  for (std::size_t k = 0; k < 10; ++k) CHECK(std::abs(logits[k] - wanted.const_data_ptr<float>()[k]) < 1e-2);
  // The written last layer on the embedding gives the logits.
  std::vector<float> weight(120), bias(10);
  copy_as_f32(ModelFolder::open(folder.path()).require("classifier.6.weight", {10, 12}), weight);
  copy_as_f32(ModelFolder::open(folder.path()).require("classifier.6.bias", {10}), bias);
  for (std::size_t k = 0; k < 10; ++k) {
    float sum = bias[k];
    for (std::size_t i = 0; i < 12; ++i) sum += weight[12 * k + i] * embedding[i];
    CHECK(sum == doctest::Approx(logits[k]).epsilon(1e-4));
  }
}
