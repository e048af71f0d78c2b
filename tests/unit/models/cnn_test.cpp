#include "models/cnn.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "cnn_fixture.hpp"
#include "kernels/aligned.hpp"
#include "models/cnn_maps.hpp"
#include "models/exit_heads.hpp"

using namespace dynexec;

namespace {

std::string refusal(const CnnFolder& folder) {
  try {
    const ModelFolder opened = ModelFolder::open(folder.write());
    const auto network = Cnn::load(opened);
    load_exit_heads(opened, *network);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK_FALSE(error.hint().empty());
    return error.where() + ": " + error.message();
  }
  return "nothing was refused";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("a network run unit by unit gives what it gives at once, and images leave nothing behind") {
  CnnFolder folder;
  folder.resnet();
  const auto network = Cnn::load(folder.write());
  REQUIRE(network->units().size() == 6);
  CHECK(network->units()[0].name == "layer1.0.conv1");
  CHECK_FALSE(network->units()[0].ends_block);
  CHECK(network->units()[3].channels == 16);
  CHECK(network->units()[3].size == 6);
  const std::vector<float> first = random_image(12, 1), second = random_image(12, 2);
  CnnSession session(network);
  session.start(first);
  session.run_to(5);
  const std::vector<float> wanted = copy(session.logits());
  CHECK(wanted.size() == 5);
  session.start(second);
  session.run_to(2);
  session.start(first);
  for (std::size_t unit = 0; unit < 6; ++unit) {
    session.run_to(unit);
    CHECK(session.done() == unit + 1);
    CHECK(session.features().channels() == network->units()[unit].channels);
  }
  CHECK(copy(session.logits()) == wanted);
  CHECK_THROWS_AS(session.run_to(6), Error);
  session.start(second);
  CHECK_THROWS_AS(session.logits(), Error);
  CHECK_THROWS_AS(session.start(random_image(11, 1)), Error);
}

TEST_CASE("images that are run together come out as they do alone") {
  for (const bool resnet : {true, false}) {
    CnnFolder folder;
    if (resnet)
      folder.resnet();
    else
      folder.vgg();
    const auto network = Cnn::load(folder.write());
    const std::size_t last = network->units().size() - 1;
    std::vector<CnnSession> sessions;
    std::vector<std::vector<float>> alone;
    std::vector<CnnSession*> all;
    for (std::uint64_t i = 0; i < 5; ++i) {
      CnnSession session(network);
      session.start(random_image(network->config().image_size, i));
      session.run_to(last);
      const auto logits = session.logits();
      alone.emplace_back(logits.begin(), logits.end());
      sessions.emplace_back(network);
      sessions.back().start(random_image(network->config().image_size, i));
    }
    for (CnnSession& session : sessions) all.push_back(&session);
    // Rows leave on the way: the others go on together.
    for (std::size_t unit = 0; unit <= last; ++unit)
      CnnSession::run_together(std::span(all).first(unit < 2 ? 5 : 3), unit);
    CHECK(sessions[4].done() == 2);
    CHECK_THROWS_AS(CnnSession::run_together(all, last), Error);  // not equally far
    for (std::size_t i = 0; i < 5; ++i) {
      if (i >= 3) sessions[i].run_to(last);
      const auto logits = sessions[i].logits();
      CHECK(std::equal(logits.begin(), logits.end(), alone[i].begin()));
    }
  }
}

TEST_CASE("work and parameters are counted") {
  CnnFolder folder;
  folder.resnet();
  const auto network = Cnn::load(folder.write());
  // 12 x 12 in the first stage, the stem counted with the first unit; 6 x 6 in the second, with its projection.
  CHECK(network->units()[0].macs == 144.0 * 9 * (3 * 8 + 8 * 8));
  CHECK(network->units()[3].macs == 36.0 * (9 * 16 * 16 + 8 * 16));
  CHECK(network->classifier_macs() == 5 * 16);
  double parameters = 0;
  for (const auto& [name, stored] : folder.tensors)
    if (!mentions(name, "running")) parameters += static_cast<double>(stored.values.size());
  CHECK(network->parameters() == parameters);
}

TEST_CASE("exit heads") {
  CnnFolder folder;
  folder.resnet();
  folder.linear_exits({1, 3}, {8, 16});
  const ModelFolder opened = ModelFolder::open(folder.write());
  const auto network = Cnn::load(opened);
  const std::vector<ExitPoint> exits = load_exit_heads(opened, *network);
  REQUIRE(exits.size() == 2);
  CHECK(exits[1].unit == 3);
  CHECK(exits[1].head->macs() == 5 * 16);
  CnnSession session(network);
  session.start(random_image(12, 3));
  session.run_to(1);
  std::vector<float> logits(5);
  exits[0].head->classify(session.features(), logits);
  // By definition: the mean of each channel, then the linear layer.
  const FeatureMap& map = session.features();
  const auto& weight = folder.tensors["exits.1.linear.weight"].values;
  for (std::size_t k = 0; k < 5; ++k) {
    double sum = static_cast<double>(folder.tensors["exits.1.linear.bias"].values[k]);
    for (std::int64_t c = 0; c < 8; ++c) {
      double mean = 0;
      for (std::int64_t y = 0; y < 12; ++y)
        for (std::int64_t x = 0; x < 12; ++x) mean += static_cast<double>(map.at(y, x)[c]) / 144;
      sum += mean * static_cast<double>(weight[k * 8 + static_cast<std::size_t>(c)]);
    }
    CHECK(static_cast<double>(logits[k]) == doctest::Approx(sum).epsilon(1e-4));
  }
}

TEST_CASE("what is wrong with a network is said") {
  CnnFolder folder;
  folder.resnet();
  SUBCASE("a tensor is missing") {
    folder.tensors.erase("layer2.1.conv2.weight");
    CHECK(mentions(refusal(folder), "layer2.1.conv2.weight"));
  }
  SUBCASE("a shape is wrong") {
    folder.add("layer1.0.conv1.weight", {8, 8, 3, 2});
    CHECK(mentions(refusal(folder), "layer1.0.conv1.weight"));
  }
  SUBCASE("a variance is negative") {
    folder.tensors["bn1.running_var"].values[3] = -0.1f;
    CHECK(mentions(refusal(folder), "bn1.running_var"));
  }
  SUBCASE("widths and depths differ") {
    folder.config["widths"] = {8};
    CHECK(mentions(refusal(folder), "widths"));
  }
  SUBCASE("no such architecture") {
    folder.config = {{"architecture", "resnet50"}};
    CHECK(mentions(refusal(folder), "resnet50"));
  }
  SUBCASE("a CIFAR depth that does not exist") {
    folder.config = {{"architecture", "cifar_resnet21"}};
    CHECK(mentions(refusal(folder), "cifar_resnet21"));
  }
  SUBCASE("the image vanishes") {
    folder.config["image_size"] = 1;
    CHECK(mentions(refusal(folder), "image_size"));
  }
  SUBCASE("statistics for other channels") {
    folder.config["mean"] = {0.5};
    CHECK(mentions(refusal(folder), "mean"));
  }
  SUBCASE("a deviation of zero") {
    folder.config["std"] = {0, 1, 1};
    CHECK(mentions(refusal(folder), "std"));
  }
  SUBCASE("absurd sizes are refused before anything is allocated") {
    folder.config["widths"] = {8, 1 << 30};
    CHECK(mentions(refusal(folder), "widths"));
  }
  SUBCASE("an exit behind the network") {
    folder.linear_exits({1, 9}, {8, 16});
    CHECK(mentions(refusal(folder), "units"));
  }
  SUBCASE("exits out of order") {
    folder.linear_exits({3, 1}, {16, 8});
    CHECK(mentions(refusal(folder), "units"));
  }
  SUBCASE("an exit without weights") {
    folder.config["exits"] = {{"kind", "bof"}, {"units", {1}}};
    CHECK(mentions(refusal(folder), "exits.1.codebook.weight"));
  }
  SUBCASE("an unknown head") {
    folder.linear_exits({1}, {8});
    folder.config["exits"]["kind"] = "forest";
    CHECK(mentions(refusal(folder), "forest"));
  }
}

TEST_CASE("feature maps that would not fit into memory together are refused before any is allocated") {
  // Maps of 17 GB behind small convolutions, no two of one shape.
  const double map = 1026.0 * 1026.0 * 4000 * 4;
  const double pairs = static_cast<double>(physical_bytes()) / 2 / map + 1;
  if (pairs > 90) return;
  CnnFolder folder("maps");
  std::vector<std::int64_t> layers;
  std::int64_t in = 3;
  for (std::int64_t pair = 0; pair < static_cast<std::int64_t>(pairs); ++pair)
    for (const std::int64_t width : {4095 - pair, std::int64_t{1}}) {
      const auto index = static_cast<std::int64_t>(3 * layers.size());
      folder.conv("features." + std::to_string(index), width, in, 3);
      folder.norm("features." + std::to_string(index + 1), width);
      layers.push_back(width);
      in = width;
    }
  folder.add("classifier.weight", {2, 1});
  folder.add("classifier.bias", {2});
  folder.config = {{"model_type", "vgg"}, {"layers", layers}, {"num_classes", 2}, {"image_size", 1024}};
  CHECK(mentions(refusal(folder), "feature maps"));
}

TEST_CASE("planned maps are those of a session") {
  CnnFolder folder;
  folder.resnet();
  CnnWeights weights;
  load_cnn_weights(ModelFolder::open(folder.write()), {}, weights);
  const CnnMaps plan = plan_maps(weights);
  const CnnSession session(Cnn::load(folder.path()));
  // Beside the maps: the pooled channels and two rows of logits.
  CHECK(session.memory_bytes() == plan.bytes() + (16 + 2 * 5) * 4);
}
