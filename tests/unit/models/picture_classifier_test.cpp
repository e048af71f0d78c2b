#include "models/picture_classifier.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>

#include "base/error.hpp"
#include "cnn_fixture.hpp"

using namespace dynexec;

namespace {

nlohmann::json group(const char* name, int labels, bool exclusive) {
  return {{"name", name}, {"labels", labels}, {"exclusive", exclusive}};
}

void label(CnnFolder& folder) {
  for (int i = 0; i < 5; ++i) folder.config["id2label"][std::to_string(i)] = "label " + std::to_string(i);
  folder.config["label_groups"] = {group("one of three", 3, true), group("either", 2, false)};
}

std::string refusal_after(const std::function<void(CnnFolder&)>& change) {
  CnnFolder folder("pictures");
  folder.vgg();
  label(folder);
  change(folder);
  try {
    PictureClassifier::load(folder.write());
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return format_error(error);
  }
}

bool mentions(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

std::vector<float> join(const std::vector<float>& first, const std::vector<float>& second) {
  std::vector<float> both = first;
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

}  // namespace

TEST_CASE("probabilities, features and maps are those of the network") {
  for (const bool resnet : {false, true}) {
    CAPTURE(resnet);
    CnnFolder folder("pictures");
    resnet ? folder.resnet() : folder.vgg();
    label(folder);
    const auto classifier = PictureClassifier::load(folder.write());
    CHECK(classifier->labels().names ==
          std::vector<std::string>{"label 0", "label 1", "label 2", "label 3", "label 4"});
    CHECK(classifier->labels().groups[1].first == 3);
    CHECK(classifier->feature_width() == 16);

    const std::int64_t size = classifier->network().config().image_size;
    const std::vector<float> first = random_image(size, 1), second = random_image(size, 2);
    const auto both = classifier->judge(join(first, second), true);
    REQUIRE(both.size() == 2);
    CnnSession session(Cnn::load(folder.path()));
    session.start(second);
    session.run_to(classifier->network().units().size() - 1);
    const std::span<const float> logits = session.logits(), embedding = session.embedding();
    CHECK(both[1].features == std::vector<float>(embedding.begin(), embedding.end()));
    const std::vector<float>& found = both[1].probabilities;
    const double highest = std::max({logits[0], logits[1], logits[2]});
    const auto share = [&](std::size_t k) { return std::exp(static_cast<double>(logits[k]) - highest); };
    for (const std::size_t k : std::initializer_list<std::size_t>{0, 1, 2})
      CHECK(found[k] == doctest::Approx(share(k) / (share(0) + share(1) + share(2))).epsilon(1e-4));
    for (const std::size_t k : std::initializer_list<std::size_t>{3, 4})
      CHECK(found[k] == doctest::Approx(1 / (1 + std::exp(-logits[k]))));

    // The last map of each size, and the same pictures alone.
    const std::vector<std::int64_t> sizes =
        resnet ? std::vector<std::int64_t>{12, 6} : std::vector<std::int64_t>{8, 4, 2};
    REQUIRE(both[1].maps.size() == sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(both[1].maps[i].width == sizes[i]);
    const LayerMap& last = both[1].maps.back();
    const FeatureMap& map = session.features();
    REQUIRE(last.values.size() == static_cast<std::size_t>(map.channels() * map.height() * map.width()));
    CHECK(last.values[static_cast<std::size_t>((3 * map.height() + 1) * map.width())] == map.at(1, 0)[3]);
    const auto alone = classifier->judge(first);
    CHECK(alone.at(0).probabilities == both[0].probabilities);
    CHECK(alone[0].maps.empty());
  }
}

TEST_CASE("several threads judge at once") {
  CnnFolder folder("pictures");
  folder.vgg();
  label(folder);
  const auto classifier = PictureClassifier::load(folder.write());
  std::vector<std::vector<float>> alone(4), together(4);
  for (std::size_t i = 0; i < 4; ++i) alone[i] = classifier->judge(random_image(8, i)).at(0).probabilities;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] { together[i] = classifier->judge(random_image(8, i)).at(0).probabilities; });
  for (std::thread& thread : threads) thread.join();
  CHECK(together == alone);
}

TEST_CASE("folders that hold no classifier of pictures are refused by key or tensor") {
  using Folder = CnnFolder&;
  CHECK(refusal_after([](Folder) {}).empty());
  CHECK(mentions(refusal_after([](Folder f) { f.config.erase("id2label"); }), "id2label"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["id2label"].erase("2"); }), "5 names"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["id2label"]["2"] = 7; }), "label 2 has no name"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["id2label"]["2"] = "label 1"; }), "'label 1'"));
  CHECK(mentions(refusal_after([](Folder f) { f.config.erase("label_groups"); }), "label_groups"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["label_groups"] = {{"a", 5}}; }), "label_groups"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["label_groups"].erase(1); }), "3 labels, the network 5"));
  CHECK(
      mentions(refusal_after([](Folder f) { f.config["label_groups"][1]["labels"] = 0; }), "label_groups[1]: labels"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["label_groups"][0].erase("name"); }), "label_groups[0]: name"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["label_groups"][0]["exclusive"] = 1; }), "exclusive"));
  CHECK(mentions(refusal_after([](Folder f) { f.tensors.erase("features.4.weight"); }), "features.4.weight"));
  CHECK(mentions(refusal_after([](Folder f) { f.config["num_classes"] = 6; }), "id2label"));
}

TEST_CASE("pictures of another size, and values that are not finite, are refused") {
  CnnFolder folder("pictures");
  folder.vgg();
  label(folder);
  const auto classifier = PictureClassifier::load(folder.write());
  CHECK(classifier->judge({}).empty());
  std::vector<float> picture = random_image(8, 1);
  picture[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(classifier->judge(picture), Error);
  CHECK_THROWS_AS(classifier->judge(random_image(7, 1)), Error);
}
