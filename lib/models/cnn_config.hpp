// What a model folder says about a convolutional network: CIFAR ResNets, ResNet-18/34 and VGG with batch normalisation.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dynexec {

enum class CnnFamily { resnet, vgg };

struct CnnConfig {
  CnnFamily family = CnnFamily::resnet;
  std::int64_t classes = 10, in_channels = 3, image_size = 32;
  // Of an input in [0, 1], a channel each.
  std::vector<float> mean, deviation;

  // ResNet: blocks and channels of each stage; every stage but the first halves the map.
  std::vector<std::int64_t> depths, widths;
  bool wide_stem = false;        // 7x7 with stride 2 and a max-pool (ImageNet), else 3x3 (CIFAR)
  bool padded_shortcut = false;  // shortcuts subsample and pad with zero channels (option A), else 1x1 convolutions

  // VGG: output channels of each 3x3 convolution, 0 for a 2x2 max-pool.
  std::vector<std::int64_t> layers;
  std::vector<std::int64_t> classifier;  // widths of the hidden fully connected layers, empty for one linear layer
  std::int64_t pooled_size = 1;          // side of the map that the classifier sees (adaptive average pooling)
};

// Reads config.json: either the architecture name of a published checkpoint ("architecture": "resnet18", "resnet34",
// "vgg16_bn", "vgg19_bn", "cifar_resnet20" ...) or model_type with the fields written out; input statistics from
// "mean"/"std" or "pretrained_cfg". Throws Error(model) naming the key.
CnnConfig parse_cnn_config(const nlohmann::json& config, const std::string& where);
// Whether config.json describes a network of these families.
bool is_cnn_config(const nlohmann::json& config);

}  // namespace dynexec
