#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <fstream>

#include "../models/cnn_fixture.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "models/exit_heads.hpp"
#include "train/backbone.hpp"
#include "train/exit_modules.hpp"
#include "train/exit_trainer.hpp"
#include "train/export.hpp"

using namespace dynexec;

namespace {

// A network on 32 x 32 images, images whose brightness tells the class, and options for a short run.
struct Setup {
  explicit Setup(const std::string& head) : folder("exit-" + head) {
    folder.resnet();
    folder.config["image_size"] = 32;
    folder.config["mean"] = {0.5, 0.5, 0.5};
    std::ofstream file(folder.path() / "images.bin", std::ios::binary);
    RandomStream random(3, 0, 0, 0);
    for (int i = 0; i < 150; ++i) {
      const int label = static_cast<int>(random.below(5));
      file.put(static_cast<char>(label));
      for (int k = 0; k < 3072; ++k) file.put(static_cast<char>(50 * label + static_cast<int>(random.below(40))));
    }
    file.close();
    options.backbone = folder.write().string();
    options.output = (folder.path() / "out").string();
    options.work = (folder.path() / "work").string();
    options.title = "toy";
    options.head = head;
    options.codewords = 12;
    options.hidden = 8;
    options.data.files = {(folder.path() / "images.bin").string()};
    options.data.evaluation = 50;
    options.batch = 16;
    options.optimiser.steps = 30;
    options.optimiser.learning_rate = 0.02;
    options.optimiser.warmup = 2;
    options.optimiser.weight_decay = 0;
    options.optimiser.clip = 0;
  }
  CnnFolder folder;
  ExitTrainOptions options;
};

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("trained heads answer as the modules that were trained, and learn") {
  for (const std::string head : {"linear", "bof"}) {
    CAPTURE(head);
    Setup setup(head);
    std::vector<double> losses;
    if (head == "linear") {
      setup.options.optimiser.steps = 150;
      setup.options.optimiser.learning_rate = 0.05;
    }
    const ExitTrainReport report = train_exits(
        setup.options, [&](const ExitTrainProgress& progress) { losses.push_back(progress.loss); }, nullptr);
    CHECK(losses.size() == static_cast<std::size_t>(setup.options.optimiser.steps));
    CHECK(losses.back() < losses.front());
    CHECK(report.accuracies.size() == 2);  // after the first and second block; the third has the network's own head
    if (head == "linear") CHECK(report.accuracies[0] > 0.5);

    const ModelFolder written = ModelFolder::open(setup.options.output);
    const auto network = Cnn::load(written);
    const std::vector<ExitPoint> exits = load_exit_heads(written, *network);
    REQUIRE(exits.size() == 2);
    CHECK(exits[0].unit == 1);
    // The modules with the weights that were written, against the heads that were loaded.
    ExitModules modules(*frozen_backbone(setup.options.output), {1, 3}, setup.options);
    const c10::NoGradGuard no_grad;
    for (const auto& [name, tensor] : modules.parameters()) {
      const auto view = written.find(name);
      REQUIRE(view.has_value());
      at::Tensor target = tensor;
      copy_as_f32(*view, {target.mutable_data_ptr<float>(), static_cast<std::size_t>(target.numel())});
    }
    CnnSession session(network);
    session.start(random_image(32, 9));
    for (std::size_t i = 0; i < 2; ++i) {
      session.run_to(exits[i].unit);
      const FeatureMap& map = session.features();
      at::Tensor input = at::empty({1, map.height(), map.width(), map.channels()});
      for (std::int64_t y = 0; y < map.height(); ++y)
        std::copy_n(map.at(y, 0), map.width() * map.channels(),
                    input.mutable_data_ptr<float>() + y * map.width() * map.channels());
      const at::Tensor wanted = modules.forward(i, input).contiguous();
      std::vector<float> found(5);
      exits[i].head->classify(map, found);
      for (std::size_t k = 0; k < 5; ++k)
        CHECK(found[k] == doctest::Approx(wanted.const_data_ptr<float>()[k]).epsilon(1e-4));
    }
  }
}

TEST_CASE("a run that was interrupted ends with the same heads") {
  Setup whole("linear"), parts("bof");
  parts.options.head = "linear";
  parts.folder.tensors = whole.folder.tensors;
  parts.folder.write();
  train_exits(whole.options, nullptr, nullptr);
  int steps = 0;
  CHECK_THROWS_AS(train_exits(
                      parts.options, [&](const ExitTrainProgress&) { ++steps; }, [&] { return steps == 11; }),
                  Error);
  const ExitTrainReport report = train_exits(parts.options, nullptr, nullptr);
  CHECK(report.resumed_from == 11);
  CHECK(bytes_of(std::filesystem::path(whole.options.output) / "model.safetensors") ==
        bytes_of(std::filesystem::path(parts.options.output) / "model.safetensors"));
  // The backbone's own tensors are unchanged.
  const ModelFolder before = ModelFolder::open(whole.options.backbone), after = ModelFolder::open(whole.options.output);
  for (const std::string& name : before.tensor_names()) {
    const auto old = before.find(name), now = after.find(name);
    REQUIRE(now.has_value());
    CHECK(std::equal(old->bytes.begin(), old->bytes.end(), now->bytes.begin(), now->bytes.end()));
  }
}

TEST_CASE("images and units that do not fit are refused") {
  Setup setup("linear");
  SUBCASE("too few images") {
    setup.options.data.samples = 140;
    CHECK_THROWS_AS(train_exits(setup.options, nullptr, nullptr), Error);
  }
  SUBCASE("a network of another size") {
    setup.folder.config["image_size"] = 16;
    setup.folder.write();
    CHECK_THROWS_AS(train_exits(setup.options, nullptr, nullptr), Error);
  }
  SUBCASE("units out of order") {
    setup.options.places = "listed";
    setup.options.units = {3, 1};
    CHECK_THROWS_AS(train_exits(setup.options, nullptr, nullptr), Error);
  }
  SUBCASE("a checkpoint of another run") {
    train_exits(setup.options, nullptr, nullptr);
    setup.options.optimiser.learning_rate = 0.01;
    CHECK_THROWS_AS(train_exits(setup.options, nullptr, nullptr), Error);
  }
}

TEST_CASE("weights that cannot be written are refused") {
  CHECK_NOTHROW(exported_copy("w", at::full({2, 2}, 6e4), true));
  CHECK_NOTHROW(exported_copy("w", at::full({2}, 1e6), false));
  CHECK_THROWS_AS(exported_copy("w", at::full({2, 2}, 1e6), true), Error);
}
