#include "data/labelled_images.hpp"

#include <doctest/doctest.h>

#include <set>

#include "base/error.hpp"
#include "data/image_task.hpp"

using namespace dynexec;

namespace {

std::string cifar_records(const std::vector<int>& labels) {
  std::string bytes;
  for (const int label : labels) {
    bytes.push_back(static_cast<char>(label));
    for (int i = 0; i < 3072; ++i) bytes.push_back(static_cast<char>((i + label) % 256));
  }
  return bytes;
}

std::string idx(const std::vector<int>& shape, std::size_t bytes) {
  std::string text{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const int extent : shape)
    for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(extent >> shift));
  for (std::size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(i % 7));
  return text;
}

std::string refusal(auto&& read) {
  try {
    read();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.message();
  }
  return "nothing was refused";
}

}  // namespace

TEST_CASE("CIFAR records") {
  const LabelledImages images = parse_cifar(cifar_records({3, 9}), "batch");
  CHECK(images.size() == 2);
  CHECK(images.labels == std::vector<int>{3, 9});
  const std::vector<float> second = images.image(1);
  CHECK(second.size() == 3072);
  CHECK(second[0] == doctest::Approx(9 / 255.0));
  CHECK(second[3071] == doctest::Approx((3071 + 9) % 256 / 255.0));
  CHECK(refusal([] { parse_cifar(cifar_records({3}).substr(1), "cut"); }).find("whole number") != std::string::npos);
  CHECK(refusal([] { parse_cifar("", "empty"); }).find("whole number") != std::string::npos);
  CHECK(refusal([] { parse_cifar(cifar_records({3, 10}), "label"); }) == "label 10 at byte 3073");
  const std::string hundred = '\x02' + cifar_records({77});
  CHECK(parse_cifar(hundred, "batch", true).labels == std::vector<int>{77});
}

TEST_CASE("IDX images and labels") {
  const std::string images = idx({2, 3, 4}, 24), labels = idx({2}, 2);
  const LabelledImages read = parse_idx(images, "images", labels, "labels");
  CHECK(read.channels == 1);
  CHECK(read.height == 3);
  CHECK(read.width == 4);
  CHECK(read.labels == std::vector<int>{0, 1});
  CHECK(read.image(1)[0] == doctest::Approx(12 % 7 / 255.0));
  CHECK(refusal([&] { parse_idx(idx({30}, 30), "labels", images, "images"); }).find("IDX") != std::string::npos);
  CHECK(refusal([&] { parse_idx(images, "images", idx({3}, 3), "labels"); }) == "3 labels for 2 images");
  CHECK(refusal([&] {
          parse_idx(idx({2, 3, 4}, 23), "images", labels, "labels");
        }) == "23 bytes of data instead of 24");
  CHECK(refusal([&] {
          parse_idx(idx({2, -3, 4}, 24), "images", labels, "labels");
        }).find("dimension 1") != std::string::npos);
  CHECK(refusal([&] { parse_idx("\0\0", "images", labels, "labels"); }).find("shorter") != std::string::npos);
}

TEST_CASE("shuffled images keep their labels, in the same order every time") {
  std::vector<int> labels;
  for (int i = 0; i < 40; ++i) labels.push_back(i % 10);
  LabelledImages images = parse_cifar(cifar_records(labels), "batch");
  for (std::size_t i = 0; i < images.size(); ++i) {
    images.pixels[i * 3072] = static_cast<std::uint8_t>(i);
    images.groups.push_back("g" + std::to_string(i));
  }
  const LabelledImages mixed = shuffled(images);
  CHECK(mixed.labels == shuffled(images).labels);
  CHECK(mixed.labels != images.labels);
  REQUIRE(mixed.size() == 40);
  REQUIRE(mixed.pixels.size() == images.pixels.size());
  std::set<int> seen;
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    const int was = mixed.pixels[i * 3072];
    seen.insert(was);
    CHECK(mixed.labels[i] == was % 10);
    CHECK(mixed.groups[i] == "g" + std::to_string(was));
  }
  CHECK(seen.size() == 40);
}

TEST_CASE("files that do not belong together") {
  CHECK(refusal([] { read_images("cifar10", {}); }) == "no files are named");
  CHECK(refusal([] { read_images("idx", {"only-images"}); }).find("in turn") != std::string::npos);
}

TEST_CASE("an image task scores labels and keeps within its images") {
  const auto images = std::make_shared<LabelledImages>(parse_cifar(cifar_records({3, 9, 1}), "batch"));
  const ImageTask task(images, 1, 0, {"zero", "one"});
  CHECK(task.size() == 2);
  CHECK(task.sample(0).id == "image-1");
  CHECK(task.sample(0).group == "9");
  CHECK(task.sample(1).group == "one");
  Outcome outcome;
  outcome.output = ClassOutput{.label = 9};
  CHECK(task.score(task.sample(0), outcome).front().value == 1);
  CHECK(task.score(task.sample(1), outcome).front().value == 0);
  CHECK_THROWS_AS(ImageTask(images, 1, 3, {}), Error);
  CHECK_THROWS_AS(ImageTask(images, 3, 0, {}), Error);
}
