// A text-conditioned diffusion model with gradients: text encoder and U-Net of lib/models on fresh parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/diffusion/clip_text.hpp"
#include "models/diffusion/unet_weights.hpp"
#include "train/fresh_tensors.hpp"

namespace dynexec {

class NoiseModule {
 public:
  // The configs are those of the model folders. Error(model) naming the key.
  NoiseModule(const nlohmann::json& unet, const nlohmann::json& text, std::uint64_t seed);

  // x [rows, channels, size, size], timesteps [rows] fp32, ids [rows, positions] int64: what the network predicts,
  // fp32.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& ids) const;

  // "unet.NAME" and "text.NAME".
  const NamedTensors& parameters() const { return parameters_; }
  // The hidden matrices and kernels, for Muon: all but embeddings and the U-Net's first and last layer.
  std::map<std::string, std::vector<std::int64_t>> row_blocks() const;
  std::int64_t size() const;
  // Takes over the weights of a pipeline folder that training has written. Error(model) for another shape.
  void take_over(const std::filesystem::path& pipeline);
  // `values`, as many as parameters() and in their order, under the names and shapes of the part's model folder.
  NamedTensors part(const std::string& part, const std::vector<at::Tensor>& values) const;
  const diffusers::UNetConfig& unet() const { return unet_.config; }
  const diffusers::ClipTextConfig& text() const { return text_.config; }

 private:
  FreshTensors unet_source_, text_source_;
  diffusers::UNetWeights unet_;
  diffusers::ClipTextWeights text_;
  NamedTensors parameters_;
};

}  // namespace dynexec
