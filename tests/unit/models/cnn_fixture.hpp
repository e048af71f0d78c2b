// A small ResNet or VGG in a folder of its own, with random weights that a test may change before they are written.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/random.hpp"
#include "models/cnn.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {

class CnnFolder {
 public:
  struct Stored {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };

  explicit CnnFolder(const std::string& name = "a")
      : path_(std::filesystem::temp_directory_path() / ("dynexec-cnn-" + name + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~CnnFolder() { std::filesystem::remove_all(path_); }
  CnnFolder(const CnnFolder&) = delete;
  CnnFolder& operator=(const CnnFolder&) = delete;

  // Two stages of one and two blocks, 8 and 16 channels, on 12 x 12 images.
  void resnet() {
    config = {{"model_type", "resnet"}, {"depths", {1, 2}},        {"widths", {8, 16}},     {"num_classes", 5},
              {"image_size", 12},       {"mean", {0.4, 0.5, 0.6}}, {"std", {0.2, 0.3, 0.4}}};
    conv("conv1", 8, 3, 3);
    norm("bn1", 8);
    std::int64_t in = 8;
    for (const auto& [block, width] :
         {std::pair<std::string, std::int64_t>{"layer1.0", 8}, {"layer2.0", 16}, {"layer2.1", 16}}) {
      conv(block + ".conv1", width, in, 3);
      norm(block + ".bn1", width);
      conv(block + ".conv2", width, width, 3);
      norm(block + ".bn2", width);
      if (in != width) {
        conv(block + ".downsample.0", width, in, 1);
        norm(block + ".downsample.1", width);
      }
      in = width;
    }
    add("fc.weight", {5, 16});
    add("fc.bias", {5});
  }

  // Three convolutions of 8, 16 and 16 channels and two pools on 8 x 8 images.
  void vgg() {
    config = {{"model_type", "vgg"}, {"layers", {8, 0, 16, 16, 0}}, {"num_classes", 5},
              {"image_size", 8},     {"mean", {0.4, 0.5, 0.6}},     {"std", {0.2, 0.3, 0.4}}};
    std::int64_t in = 3;
    for (const auto& [index, width] : {std::pair<int, std::int64_t>{0, 8}, {4, 16}, {7, 16}}) {
      conv("features." + std::to_string(index), width, in, 3);
      add("features." + std::to_string(index) + ".bias", {width});
      norm("features." + std::to_string(index + 1), width);
      in = width;
    }
    add("classifier.weight", {5, 16});
    add("classifier.bias", {5});
  }

  void add(const std::string& name, std::vector<std::int64_t> shape, double spread = 0.3, double mean = 0) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    RandomStream random(7, tensors.size(), 0, 0);
    Stored stored{std::move(shape), std::vector<float>(static_cast<std::size_t>(count))};
    for (float& value : stored.values) value = static_cast<float>(mean + spread * random.normal());
    tensors[name] = std::move(stored);
  }
  void conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t kernel) {
    add(name + ".weight", {out, in, kernel, kernel}, 1.0 / static_cast<double>(kernel));
  }
  void norm(const std::string& name, std::int64_t channels) {
    add(name + ".weight", {channels}, 0.1, 1);
    add(name + ".bias", {channels}, 0.1);
    add(name + ".running_mean", {channels}, 0.1);
    add(name + ".running_var", {channels}, 0.05, 1);
  }
  void linear_exits(std::vector<std::int64_t> units, const std::vector<std::int64_t>& channels) {
    for (std::size_t i = 0; i < units.size(); ++i) {
      add("exits." + std::to_string(units[i]) + ".linear.weight", {5, channels[i]}, 1);
      add("exits." + std::to_string(units[i]) + ".linear.bias", {5});
    }
    config["exits"] = {{"kind", "linear"}, {"units", std::move(units)}};
  }

  const std::filesystem::path& write() const {
    std::vector<TensorView> views;
    for (const auto& [name, stored] : tensors)
      views.push_back({name, DType::f32, stored.shape, std::as_bytes(std::span(stored.values))});
    write_safetensors(path_ / "model.safetensors", views, {});
    std::ofstream(path_ / "config.json") << config.dump();
    return path_;
  }
  const std::filesystem::path& path() const { return path_; }

  std::map<std::string, Stored> tensors;
  nlohmann::json config;

 private:
  std::filesystem::path path_;
};

inline std::vector<float> random_image(std::int64_t size, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 0);
  std::vector<float> pixels(static_cast<std::size_t>(3 * size * size));
  for (float& pixel : pixels) pixel = static_cast<float>(random.uniform());
  return pixels;
}

}  // namespace dynexec
