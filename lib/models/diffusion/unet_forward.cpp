#include "models/diffusion/unet_forward.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sin.h>

#include <cmath>

namespace dynexec::diffusers {
namespace {

constexpr double kLongestPeriod = 10000;

// What all blocks of an evaluation share.
struct Pass {
  const std::vector<at::Tensor>& shifts;
  const std::vector<PromptKeys>& keys;
  Cost& cost;
};

// How much of the network runs.
struct Extent {
  std::size_t skips = 0;  // of the way down, from the shallowest
  DeepFeatures* keep = nullptr;
  const DeepFeatures* reuse = nullptr;

  // Whether the way up has this layer, by the skip connection that leads to it.
  bool runs(std::size_t skip) const { return reuse == nullptr || skip <= reuse->branch; }
};

at::Tensor run(const ResnetBlock& block, const at::Tensor& x, const Pass& pass) {
  return run_resnet(block, x, pass.shifts[block.index], pass.cost);
}

at::Tensor run(const Transformer& block, const at::Tensor& x, const Pass& pass) {
  return run_transformer(block, x, pass.keys, pass.cost);
}

at::Tensor downsample(const Conv& layer, const at::Tensor& x, Cost& cost) {
  // Without padding on all sides, zeros stand at the right and the bottom.
  return layer.padding > 0 ? conv(layer, x, cost) : conv(layer, at::constant_pad_nd(x, {0, 1, 0, 1}), cost);
}

// Appends every map that the way up will want, up to `wanted` of them.
at::Tensor run_down(const UNetLevel& level, at::Tensor x, std::vector<at::Tensor>& skips, std::size_t wanted,
                    const Pass& pass) {
  for (std::size_t i = 0; i < level.resnets.size() && skips.size() < wanted; ++i) {
    x = run(level.resnets[i], x, pass);
    if (!level.transformers.empty()) x = run(level.transformers[i], x, pass);
    skips.push_back(x);
  }
  if (level.resample && skips.size() < wanted) {
    x = downsample(*level.resample, x, pass.cost);
    skips.push_back(x);
  }
  return x;
}

at::Tensor run_middle(const UNetMiddleBlock& block, at::Tensor x, const Pass& pass) {
  for (std::size_t i = 0; i < block.resnets.size(); ++i) {
    x = run(block.resnets[i], x, pass);
    if (i < block.transformers.size()) x = run(block.transformers[i], x, pass);
  }
  return x;
}

// `left`: skip connections that no layer has taken yet.
at::Tensor run_up(const UNetLevel& level, at::Tensor x, std::vector<at::Tensor>& skips, std::size_t& left,
                  const Extent& extent, const Pass& pass) {
  for (std::size_t i = 0; i < level.resnets.size(); ++i) {
    const std::size_t skip = --left;
    if (!extent.runs(skip)) continue;
    if (extent.reuse != nullptr && skip == extent.reuse->branch) x = extent.reuse->map;
    if (extent.keep != nullptr && skip == extent.keep->branch) extent.keep->map = x;
    x = run(level.resnets[i], at::cat({x, skips[skip]}, 1), pass);
    skips.pop_back();
    if (!level.transformers.empty()) x = run(level.transformers[i], x, pass);
  }
  // To the size of the map it meets next, which is twice its own or, where the way down met an odd size, one less.
  if (level.resample && extent.runs(left))
    x = upsample(*level.resample, x, skips.back().size(2), skips.back().size(3), pass.cost);
  return x;
}

at::Tensor run_unet(const UNetWeights& weights, const at::Tensor& sample, const Extent& extent, const Pass& pass) {
  at::Tensor x = conv(weights.in, sample.contiguous(at::MemoryFormat::ChannelsLast), pass.cost);
  std::vector<at::Tensor> skips{x};
  for (const UNetLevel& level : weights.down) x = run_down(level, x, skips, extent.skips, pass);
  if (extent.reuse == nullptr) x = run_middle(weights.middle, x, pass);
  std::size_t left = weights.skip_connections();
  for (const UNetLevel& level : weights.up) x = run_up(level, x, skips, left, extent, pass);
  return conv(weights.out, norm_silu(weights.out_norm, x, pass.cost), pass.cost).contiguous();
}

}  // namespace

at::Tensor time_waves(const UNetConfig& config, const at::Tensor& timesteps) {
  const std::int64_t half = config.levels[0].channels / 2;
  const at::Tensor steps = at::arange(half, timesteps.options());
  const at::Tensor rates =
      at::exp(steps * (-std::log(kLongestPeriod)) / (static_cast<double>(half) - config.freq_shift));
  const at::Tensor angles = timesteps.unsqueeze(1) * rates.unsqueeze(0);
  const at::Tensor sine = at::sin(angles), cosine = at::cos(angles);
  return config.cosine_first ? at::cat({cosine, sine}, 1) : at::cat({sine, cosine}, 1);
}

std::vector<at::Tensor> time_shifts(const UNetWeights& weights, const at::Tensor& timesteps, Cost& cost) {
  const at::Tensor waves = time_waves(weights.config, timesteps);
  const at::Tensor hidden = at::silu(dense(weights.time1, waves, cost));
  const at::Tensor embedding = at::silu(dense(weights.time2, hidden, cost));
  std::vector<at::Tensor> shifts;
  for (const ResnetBlock* block : weights.resnets()) shifts.push_back(dense(block->time, embedding, cost));
  return shifts;
}

std::vector<PromptKeys> unet_keys(const UNetWeights& weights, const at::Tensor& states, Cost& cost) {
  std::vector<PromptKeys> keys;
  for (const Transformer* block : weights.transformers())
    for (const TransformerLayer& layer : block->layers) keys.push_back(prompt_keys(layer, block->heads, states, cost));
  return keys;
}

at::Tensor unet_forward(const UNetWeights& weights, const at::Tensor& sample, const std::vector<at::Tensor>& shifts,
                        const std::vector<PromptKeys>& keys, Cost& cost) {
  return run_unet(weights, sample, {.skips = weights.skip_connections()}, {shifts, keys, cost});
}

at::Tensor unet_forward_keeping(const UNetWeights& weights, const at::Tensor& sample,
                                const std::vector<at::Tensor>& shifts, const std::vector<PromptKeys>& keys,
                                DeepFeatures& kept, Cost& cost) {
  return run_unet(weights, sample, {.skips = weights.skip_connections(), .keep = &kept}, {shifts, keys, cost});
}

at::Tensor unet_forward_reusing(const UNetWeights& weights, const at::Tensor& sample,
                                const std::vector<at::Tensor>& shifts, const std::vector<PromptKeys>& keys,
                                const DeepFeatures& kept, Cost& cost) {
  return run_unet(weights, sample, {.skips = kept.branch + 1, .reuse = &kept}, {shifts, keys, cost});
}

}  // namespace dynexec::diffusers
