// One evaluation of a U-Net as plain functions of its tensors, for inference and for training alike.
#pragma once

#include <span>
#include <vector>

#include "models/diffusion/unet_weights.hpp"

namespace dynexec::diffusers {

// Sines and cosines of the timesteps [count] (fp32): [count, width].
at::Tensor time_waves(const UNetConfig& config, const at::Tensor& timesteps);

// What each residual block adds to its map at these timesteps: [count, channels] by the block's index.
std::vector<at::Tensor> time_shifts(const UNetWeights& weights, const at::Tensor& timesteps, Cost& cost);

// Keys and values of every transformer layer by its index; states [rows, tokens, context].
std::vector<PromptKeys> unet_keys(const UNetWeights& weights, const at::Tensor& states, Cost& cost);

// sample [rows, in_channels, height, width] -> [rows, out_channels, height, width]. `shifts` as of time_shifts with one
// row for all samples or one for each; `keys` of as many rows as the sample has, empty without cross-attention.
at::Tensor unet_forward(const UNetWeights& weights, const at::Tensor& sample, const std::vector<at::Tensor>& shifts,
                        const std::vector<PromptKeys>& keys, Cost& cost);

// What the deep part of a network gave in one evaluation, for others to reuse (Ma, Fang and Wang 2023, DeepCache).
// Branches are the skip connections from the shallowest: 0 is behind the first convolution, then one behind each
// residual block (with its transformer) and each change of resolution on the way down.
struct DeepFeatures {
  std::size_t branch = 0;
  at::Tensor map;  // what the way up carries to the layer that this skip connection leads to
};

// As unet_forward, and keeps the features at kept.branch, which is below weights.skip_connections().
at::Tensor unet_forward_keeping(const UNetWeights& weights, const at::Tensor& sample,
                                const std::vector<at::Tensor>& shifts, const std::vector<PromptKeys>& keys,
                                DeepFeatures& kept, Cost& cost);
// Runs only what lies above the branch, on features that were kept for as many rows as the sample has.
at::Tensor unet_forward_reusing(const UNetWeights& weights, const at::Tensor& sample,
                                const std::vector<at::Tensor>& shifts, const std::vector<PromptKeys>& keys,
                                const DeepFeatures& kept, Cost& cost);

}  // namespace dynexec::diffusers
