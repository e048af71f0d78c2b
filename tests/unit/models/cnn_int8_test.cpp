// Convolutional networks in int8.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "cnn_fixture.hpp"

using namespace dynexec;

namespace {

constexpr std::uint64_t kImages = 12;

CnnRanges ranges_of(const std::shared_ptr<const Cnn>& network) {
  CnnSession session(network);
  CnnRanges ranges;
  for (std::uint64_t i = 0; i < kImages; ++i) {
    session.start(random_image(network->config().image_size, i));
    session.observe(ranges);
  }
  return ranges;
}

std::vector<float> values_of(const FeatureMap& map) {
  std::vector<float> values;
  for (std::int64_t y = 0; y < map.height(); ++y)
    values.insert(values.end(), map.at(y, 0), map.at(y, 0) + map.width() * map.channels());
  return values;
}

double relative(std::span<const float> found, std::span<const float> wanted) {
  REQUIRE(found.size() == wanted.size());
  double error = 0, size = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = static_cast<double>(found[i]) - static_cast<double>(wanted[i]);
    error += difference * difference;
    size += static_cast<double>(wanted[i]) * static_cast<double>(wanted[i]);
  }
  return std::sqrt(error / size);
}

// ResNets with projections, without weights in shortcuts and with a wide stem; VGG.
void each_network(void (*check)(CnnFolder& folder)) {
  for (const char* kind : {"projections", "padded", "wide", "vgg"}) {
    CAPTURE(std::string(kind));
    CnnFolder folder(kind);
    if (kind == std::string("vgg"))
      folder.vgg();
    else
      folder.resnet();
    if (kind == std::string("padded")) folder.config["shortcut"] = "pad";
    if (kind == std::string("wide")) {
      folder.config["stem"] = "imagenet";
      folder.config["image_size"] = 48;
      folder.conv("conv1", 8, 3, 7);
    }
    check(folder);
  }
}

}  // namespace

TEST_CASE("every map of a network in int8 is near that in fp32") {
  each_network([](CnnFolder& folder) {
    const auto fp32 = Cnn::load(folder.write());
    const auto int8 = Cnn::load(ModelFolder::open(folder.path()), ranges_of(fp32));
    CnnSession plain(fp32), bytes(int8);
    const std::vector<float> image = random_image(fp32->config().image_size, 3);
    plain.start(image);
    bytes.start(image);
    double worst = 0;
    for (std::size_t unit = 0; unit < fp32->units().size(); ++unit) {
      plain.run_to(unit);
      bytes.run_to(unit);
      const double error = relative(values_of(bytes.features()), values_of(plain.features()));
      CAPTURE(unit);
      CHECK(error < 0.02 * (1 + static_cast<double>(unit) / 2));
      worst = std::max(worst, error);
    }
    CHECK(worst > 1e-4);
    CHECK(relative(bytes.logits(), plain.logits()) < 0.05);
    // A quarter of the bytes but for the first convolution, scales and biases.
    CHECK(int8->weight_bytes() < 0.5 * fp32->weight_bytes());
    CHECK(int8->macs() == fp32->macs());
    CHECK(int8->parameters() == fp32->parameters());
    CHECK(bytes.memory_bytes() > plain.memory_bytes());
  });
}

TEST_CASE("images in int8 come out alone as they do together, unit by unit and again") {
  each_network([](CnnFolder& folder) {
    const auto fp32 = Cnn::load(folder.write());
    const auto network = Cnn::load(ModelFolder::open(folder.path()), ranges_of(fp32));
    const std::size_t last = network->units().size() - 1;
    const auto image = [&](std::uint64_t seed) { return random_image(network->config().image_size, seed); };
    CnnSession first(network), second(network);
    first.start(image(1));
    first.run_to(last);
    const auto logits = first.logits();
    const std::vector<float> wanted(logits.begin(), logits.end());
    first.start(image(2));
    second.start(image(1));
    CnnSession* const both[] = {&first, &second};
    for (std::size_t unit = 0; unit <= last; ++unit) CnnSession::run_together(both, unit);
    const auto together = second.logits();
    CHECK(std::equal(together.begin(), together.end(), wanted.begin()));
    first.start(image(1));
    first.run_to(last);
    const auto again = first.logits();
    CHECK(std::equal(again.begin(), again.end(), wanted.begin()));
  });
}

TEST_CASE("ranges are the largest values of all images, and must be the network's") {
  CnnFolder folder;
  folder.vgg();
  const auto network = Cnn::load(folder.write());
  const ModelFolder opened = ModelFolder::open(folder.path());
  CnnRanges ranges;
  std::vector<float> highest(5);  // every step of a VGG is a unit
  CnnSession session(network);
  for (std::uint64_t i = 0; i < 3; ++i) {
    session.start(random_image(8, i));
    session.observe(ranges);
    CHECK_THROWS_AS(session.observe(ranges), Error);  // the image has run
    session.start(random_image(8, i));
    for (std::size_t unit = 0; unit < 5; ++unit) {
      session.run_to(unit);
      const std::vector<float> values = values_of(session.features());
      highest[unit] = std::max(highest[unit], *std::max_element(values.begin(), values.end()));
    }
  }
  CHECK(ranges == highest);
  ranges.push_back(1);
  CHECK_THROWS_AS(Cnn::load(opened, ranges), Error);
  ranges.pop_back();
  ranges[2] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(Cnn::load(opened, ranges), Error);
  // Maps of nothing but zeros are no error, and what lies above the range is cut off.
  ranges.assign(5, 0.0f);
  CHECK_NOTHROW(Cnn::load(opened, ranges));
}
