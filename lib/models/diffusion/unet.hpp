// A U-Net for inference: the schedule's time embeddings and the prompt's keys are computed once and reused at every
// step.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "models/diffusion/unet_forward.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusers {

// A row for each timestep of a schedule.
struct TimeTable {
  std::vector<double> timesteps;
  std::vector<at::Tensor> shifts;  // by residual block, [timesteps, channels]
  Cost cost;                       // of computing it
};

// What cross-attention reads of one prompt, or of several as the rows of one evaluation (guidance: two).
struct Prompt {
  std::int64_t rows = 0;
  std::vector<PromptKeys> keys;  // by transformer layer
  Cost cost;                     // of computing it

  // Some of the rows, for an evaluation without the others; shares their memory and costs nothing.
  Prompt part(std::int64_t first, std::int64_t count) const;
};

class UNet {
 public:
  // Loads and checks every tensor. Error(model). `kind` is for what runs at every step, without the first and the last
  // convolution; it notes or reads `ranges`. A folder in int8 or int4 (stored_layers.hpp) is loaded as it is;
  // Error(config) where another kind is wanted of it.
  static std::shared_ptr<const UNet> load(const ModelFolder& folder, LayerPlan::Kind kind = LayerPlan::Kind::fp32,
                                          std::shared_ptr<ActivationRanges> ranges = nullptr);
  static std::shared_ptr<const UNet> load(const std::filesystem::path& folder,
                                          LayerPlan::Kind kind = LayerPlan::Kind::fp32,
                                          std::shared_ptr<ActivationRanges> ranges = nullptr);

  const UNetConfig& config() const { return weights_.config; }
  const UNetWeights& weights() const { return weights_; }
  double parameters() const { return parameters_; }
  LayerPlan::Kind kind() const { return kind_; }

  // Fractional timesteps are allowed.
  TimeTable times(std::span<const double> timesteps) const;
  // states [rows, tokens, context]; a network without cross-attention takes Prompt{}.
  Prompt prompt(const at::Tensor& states) const;
  // sample [rows, in_channels, height, width], fp32, at timestep `step` of the table: the prediction, [rows,
  // out_channels, height, width]. Adds to `cost` what ran. Error(internal) where parts do not fit together.
  at::Tensor forward(const at::Tensor& sample, const TimeTable& times, std::size_t step, const Prompt& prompt,
                     Cost& cost) const;
  // The same, keeping the features at kept.branch or, much cheaper, running only what lies above them.
  at::Tensor forward_keeping(const at::Tensor& sample, const TimeTable& times, std::size_t step, const Prompt& prompt,
                             DeepFeatures& kept, Cost& cost) const;
  at::Tensor forward_reusing(const at::Tensor& sample, const TimeTable& times, std::size_t step, const Prompt& prompt,
                             const DeepFeatures& kept, Cost& cost) const;

 private:
  UNet(UNetWeights weights, double parameters, LayerPlan::Kind kind)
      : weights_(std::move(weights)), parameters_(parameters), kind_(kind) {}
  UNetWeights weights_;
  double parameters_;
  LayerPlan::Kind kind_;
};

// The layers that a U-Net of this kind, int8 or int4, has quantised. Error as of UNet::load.
QuantisedLayers quantise_unet(const ModelFolder& folder, LayerPlan::Kind kind,
                              std::shared_ptr<ActivationRanges> ranges);

}  // namespace dynexec::diffusers
