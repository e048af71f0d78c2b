// The network below the exit heads, as the trainer sees it.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/cnn.hpp"
#include "train/optimiser.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

struct BackboneUnit {
  std::string name;  // of the layer in the checkpoint
  std::int64_t channels = 0;
  bool ends_block = true;
};

struct BackboneOutput {
  std::vector<at::Tensor> maps;  // [batch, size, size, channels] of the wanted units
  at::Tensor logits;             // [batch, classes], undefined unless asked for
};

class Backbone {
 public:
  virtual ~Backbone() = default;
  virtual const std::vector<BackboneUnit>& units() const = 0;
  virtual const CnnConfig& config() const = 0;
  // images: [batch, channels, size, size] in [0, 1]; units ascend. training: normalise by the batch and keep running
  // statistics, for a backbone that learns.
  virtual BackboneOutput forward(const at::Tensor& images, const std::vector<std::size_t>& units, bool training,
                                 bool logits) = 0;
  // What is trained; empty for a frozen network.
  virtual Optimiser::Named parameters() const = 0;
  // What changes without a gradient: running statistics.
  virtual Optimiser::Named buffers() const = 0;
  // config.json without the exits, and every tensor of the folder that is written.
  virtual nlohmann::json config_json() const = 0;
  virtual void export_to(std::vector<TensorView>& views, std::vector<at::Tensor>& owners) const = 0;
  // For the card: where the weights come from.
  virtual std::string origin() const = 0;
  // Of everything that decides the weights at the start.
  virtual std::string fingerprint() const = 0;
};

// A model folder's network, whose weights stay as they are; runs on the inference engine.
std::unique_ptr<Backbone> frozen_backbone(const std::string& folder);
// A network with seeded random weights that learns with its heads. config: as in a model folder's config.json.
std::unique_ptr<Backbone> trainable_backbone(const nlohmann::json& config, std::uint64_t seed);

}  // namespace dynexec
