// Convolutional classifiers (ResNet with basic blocks, VGG with batch normalisation) that run a unit at a time, so that
// whoever drives them may stop anywhere: plain forward code, no exit rule.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/feature_map.hpp"
#include "models/cnn_config.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// A place where a network can be left: the map after a convolution (of a ResNet's blocks, the second after the residual
// addition) or, in VGG, after a pool.
struct CnnUnit {
  std::string name;                     // of the layer in the checkpoint
  std::int64_t channels = 0, size = 0;  // of its map
  double macs = 0, weight_bytes = 0;    // from the unit before (the stem belongs to the first)
  bool ends_block = true;               // false: inside a ResNet's block
};

// What calibration finds out for a network in int8: the largest value of the map behind each of its layers,
// convolutions and pools in their order.
using CnnRanges = std::vector<float>;

struct CnnWeights;

class Cnn {
 public:
  // Loads, checks every shape and folds batch normalisation into the convolutions. Names as published by torchvision,
  // timm, transformers and the CIFAR repositories. Throws Error(model), also where an image's maps would take most of
  // the memory.
  // With ranges convolutions are in int8 where they can be, a scale for each output channel and the nearest code for
  // each weight, and so are the maps between them; the first convolution, sums of residuals and the head stay fp32.
  // Error(internal) for the ranges of another network. A folder in int8 (models/cnn_stored.hpp) has ranges of its own,
  // and is the same network, bit for bit, as with these; Error(config) for others.
  static std::shared_ptr<const Cnn> load(const ModelFolder& folder, const CnnRanges& ranges = {});
  static std::shared_ptr<const Cnn> load(const std::filesystem::path& folder);
  ~Cnn();
  Cnn(const Cnn&) = delete;
  Cnn& operator=(const Cnn&) = delete;

  const CnnConfig& config() const;
  const std::vector<CnnUnit>& units() const;
  double parameters() const;    // as in the checkpoint, batch normalisation counted
  double macs() const;          // of the whole network
  double weight_bytes() const;  // of the whole network, packed
  double classifier_macs() const;
  double classifier_bytes() const;
  std::size_t embedding_width() const;  // of CnnSession::embedding()

 private:
  friend class CnnSession;
  Cnn();
  std::unique_ptr<CnnWeights> weights_;
};

// One image on its way through the network. No allocation after construction.
class CnnSession {
 public:
  explicit CnnSession(std::shared_ptr<const Cnn> network);
  ~CnnSession();
  CnnSession(CnnSession&&) noexcept;

  const Cnn& network() const;
  // Takes an image [channels, size, size] of values in [0, 1] and normalises it. Error(data) for another size.
  void start(std::span<const float> image);
  // Runs the units behind the last one that ran, up to `unit` (from 0).
  void run_to(std::size_t unit);
  // run_to(unit) of several images that have run equally far, over one network: each layer on all of them before the
  // next, and each comes out as it would alone. Error(internal) for others.
  static void run_together(std::span<CnnSession* const> sessions, std::size_t unit);
  // Units run since start().
  std::size_t done() const;
  // The map after the last unit that ran; valid until the next call.
  const FeatureMap& features() const;
  // Runs all units and widens `ranges` to what their maps hold; empty at first.
  void observe(CnnRanges& ranges);
  // The network's own head on the last unit's map [classes]; all units must have run.
  std::span<const float> logits();
  // What the last layer of that head saw; after logits(), valid until the next call.
  std::span<const float> embedding() const;
  double memory_bytes() const;  // maps and buffers, the weights aside

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dynexec
