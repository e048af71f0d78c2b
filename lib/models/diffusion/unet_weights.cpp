#include "models/diffusion/unet_weights.hpp"

#include <fmt/format.h>

namespace dynexec::diffusers {
namespace {

class Builder {
 public:
  Builder(UNetWeights& weights, TensorSource& source) : weights_(weights), config_(weights.config), source_(source) {}

  ResnetBlock resnet(const std::string& name, std::int64_t in, std::int64_t out) {
    ResnetBlock block = take_resnet(source_, name, {in, out, config_.time_width, config_.groups, config_.epsilon});
    block.index = weights_.shifts++;
    return block;
  }

  Transformer transformer(const std::string& name, const UNetLevelConfig& level) {
    Transformer block = take_transformer(source_, name,
                                         {.channels = level.channels,
                                          .heads = level.heads,
                                          .layers = level.transformers,
                                          .context = config_.context,
                                          .groups = config_.groups,
                                          .linear = config_.linear_projection});
    for (TransformerLayer& layer : block.layers) layer.index = weights_.cross_layers++;
    return block;
  }

  UNetLevel down(std::size_t i, std::int64_t in) {
    const UNetLevelConfig& level = config_.levels[i];
    const std::string name = fmt::format("down_blocks.{}", i);
    UNetLevel block;
    for (std::int64_t j = 0; j < level.resnets; ++j) {
      block.resnets.push_back(
          resnet(fmt::format("{}.resnets.{}", name, j), j == 0 ? in : level.channels, level.channels));
      if (level.down_cross) block.transformers.push_back(transformer(fmt::format("{}.attentions.{}", name, j), level));
    }
    if (i + 1 < config_.levels.size()) {
      block.resample = source_.conv(name + ".downsamplers.0.conv", level.channels, level.channels);
      block.resample->stride = 2;
      block.resample->padding = config_.downsample_padding;
    }
    return block;
  }

  // `i` counts from the coarsest level. Every residual block also takes what the way down left at its place.
  UNetLevel up(std::size_t i) {
    const std::size_t count = config_.levels.size(), at = count - 1 - i;
    const UNetLevelConfig& level = config_.levels[at];
    const std::int64_t below = at + 1 < count ? config_.levels[at + 1].channels : level.channels;
    const std::int64_t entry = at > 0 ? config_.levels[at - 1].channels : level.channels;
    const std::string name = fmt::format("up_blocks.{}", i);
    UNetLevel block;
    for (std::int64_t j = 0; j <= level.resnets; ++j) {
      const std::int64_t skip = j == level.resnets ? entry : level.channels;
      const std::int64_t in = j == 0 ? below : level.channels;
      block.resnets.push_back(resnet(fmt::format("{}.resnets.{}", name, j), in + skip, level.channels));
      if (level.up_cross) block.transformers.push_back(transformer(fmt::format("{}.attentions.{}", name, j), level));
    }
    if (at > 0) block.resample = source_.conv(name + ".upsamplers.0.conv", level.channels, level.channels);
    return block;
  }

  UNetMiddleBlock middle() {
    const UNetLevelConfig& level = config_.levels.back();
    UNetMiddleBlock block;
    if (config_.middle == UNetMiddle::none) return block;
    block.resnets.push_back(resnet("mid_block.resnets.0", level.channels, level.channels));
    if (config_.middle == UNetMiddle::plain) return block;
    block.transformers.push_back(transformer("mid_block.attentions.0", level));
    block.resnets.push_back(resnet("mid_block.resnets.1", level.channels, level.channels));
    return block;
  }

 private:
  UNetWeights& weights_;
  const UNetConfig& config_;
  TensorSource& source_;
};

}  // namespace

std::size_t UNetWeights::skip_connections() const {
  std::size_t count = 1;  // behind the first convolution
  for (const UNetLevel& level : down) count += level.resnets.size() + (level.resample ? 1 : 0);
  return count;
}

std::vector<const ResnetBlock*> UNetWeights::resnets() const {
  std::vector<const ResnetBlock*> result;
  const auto collect = [&](const auto& block) {
    for (const ResnetBlock& resnet : block.resnets) result.push_back(&resnet);
  };
  for (const UNetLevel& level : down) collect(level);
  collect(middle);
  for (const UNetLevel& level : up) collect(level);
  return result;
}

std::vector<const Transformer*> UNetWeights::transformers() const {
  std::vector<const Transformer*> result;
  const auto collect = [&](const auto& block) {
    for (const Transformer& transformer : block.transformers) result.push_back(&transformer);
  };
  for (const UNetLevel& level : down) collect(level);
  collect(middle);
  for (const UNetLevel& level : up) collect(level);
  return result;
}

UNetWeights take_unet(const UNetConfig& config, TensorSource& source) {
  UNetWeights weights;
  weights.config = config;
  Builder build(weights, source);
  const std::int64_t first = config.levels[0].channels;
  weights.in = source.conv("conv_in", first, config.in_channels);
  weights.time1 = source.dense("time_embedding.linear_1", config.time_width, first);
  weights.time2 = source.dense("time_embedding.linear_2", config.time_width, config.time_width);
  for (std::size_t i = 0; i < config.levels.size(); ++i)
    weights.down.push_back(build.down(i, i == 0 ? first : config.levels[i - 1].channels));
  weights.middle = build.middle();
  for (std::size_t i = 0; i < config.levels.size(); ++i) weights.up.push_back(build.up(i));
  weights.out_norm = source.norm("conv_norm_out", first, config.groups, config.epsilon);
  weights.out = source.conv("conv_out", config.out_channels, first);
  return weights;
}

}  // namespace dynexec::diffusers
