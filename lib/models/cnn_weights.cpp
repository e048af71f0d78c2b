#include "models/cnn_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "kernels/branch.hpp"
#include "models/cnn_loader.hpp"

namespace dynexec {
namespace {

double step_macs(const CnnStep& step) {
  const auto area = static_cast<double>(step.size * step.size);
  double macs = 0;
  for (const auto* conv : {&step.convolution, &step.projection})
    if (*conv) {
      const ConvShape& s = (*conv)->shape();
      macs += area * static_cast<double>(s.in_channels * s.out_channels * s.kernel * s.kernel);
    }
  return macs;
}

double step_bytes(const CnnStep& step) {
  double bytes = 0;
  for (const auto* conv : {&step.convolution, &step.projection})
    if (*conv) bytes += static_cast<double>((*conv)->weight_bytes());
  return bytes;
}

// The steps so far, and the units that they make.
class Builder {
 public:
  Builder(const CnnRanges& ranges, CnnWeights& weights)
      : ranges_(ranges), weights_(weights), size_(weights.config.image_size) {}

  // Of the last step's map in bytes; 0: it is fp32.
  float byte_scale() const { return weights_.steps.empty() ? 0 : weights_.steps.back().byte_scale; }

  void add(CnnStep step, const std::string& name) {
    if (step.convolution) {
      step.channels = step.convolution->shape().out_channels;
      size_ = step.convolution->shape().out_size(size_);
    } else {
      step.channels = weights_.steps.back().channels;
      size_ = (size_ + 2 * step.pool_padding - step.pool_kernel) / step.pool_stride + 1;
    }
    step.size = size_;
    step.byte_scale = scale_of(step);
    macs_ += step_macs(step);
    bytes_ += step_bytes(step);
    if (step.is_unit) {
      weights_.units.push_back({name, step.channels, step.size, macs_, bytes_, !step.begins_block});
      weights_.unit_steps.push_back(weights_.steps.size());
      macs_ = bytes_ = 0;
    }
    weights_.steps.push_back(std::move(step));
  }

 private:
  float scale_of(const CnnStep& step) const {
    const std::size_t index = weights_.steps.size();
    if (index >= ranges_.size()) return 0;
    if (!step.convolution) return byte_scale();  // codes are pooled as they are
    if (!std::isfinite(ranges_[index]))
      throw Error(ErrorKind::model, "the feature maps of calibration images are not finite", "",
                  "the weights may be damaged; check the checkpoint's sha256");
    const float scale = ranges_[index] / static_cast<float>(kernel_branch().highest_byte);
    return std::isnormal(scale) ? scale : 1;  // nothing but zeros, or as good as that
  }

  const CnnRanges& ranges_;
  CnnWeights& weights_;
  std::int64_t size_;
  double macs_ = 0, bytes_ = 0;
};

CnnStep pool_step(std::int64_t kernel, std::int64_t stride, std::int64_t padding, bool is_unit) {
  CnnStep step;
  step.pool_kernel = kernel;
  step.pool_stride = stride;
  step.pool_padding = padding;
  step.is_unit = is_unit;
  return step;
}

// How a checkpoint names the parts of a ResNet.
struct ResnetNames {
  explicit ResnetNames(const CnnLoader& loader)
      : published(loader.has("embedder.embedder.convolution.weight") ||
                  loader.has("resnet.embedder.embedder.convolution.weight")) {}

  std::pair<std::string, std::string> stem() const {
    if (!published) return {"conv1", "bn1"};
    return {"resnet.embedder.embedder.convolution", "resnet.embedder.embedder.normalization"};
  }
  std::string block(std::size_t stage, std::int64_t index) const {
    if (published) return fmt::format("resnet.encoder.stages.{}.layers.{}", stage, index);
    return fmt::format("layer{}.{}", stage + 1, index);
  }
  std::pair<std::string, std::string> conv(const std::string& block, int index) const {
    if (published)
      return {fmt::format("{}.layer.{}.convolution", block, index),
              fmt::format("{}.layer.{}.normalization", block, index)};
    return {fmt::format("{}.conv{}", block, index + 1), fmt::format("{}.bn{}", block, index + 1)};
  }
  std::pair<std::string, std::string> projection(const std::string& block, const CnnLoader& loader) const {
    if (published) return {block + ".shortcut.convolution", block + ".shortcut.normalization"};
    const std::string part = loader.has(block + ".shortcut.0.weight") ? ".shortcut" : ".downsample";
    return {block + part + ".0", block + part + ".1"};
  }

  bool published;  // by transformers
};

void load_resnet(CnnLoader& loader, Builder& builder, CnnWeights& weights) {
  const CnnConfig& config = weights.config;
  const ResnetNames names(loader);
  CnnStep stem;
  stem.is_unit = false;
  const auto [stem_conv, stem_norm] = names.stem();
  const ConvShape stem_shape = config.wide_stem ? ConvShape{config.in_channels, config.widths[0], 7, 2, 3}
                                                : ConvShape{config.in_channels, config.widths[0], 3, 1, 1};
  stem.convolution = loader.conv_norm(stem_shape, stem_conv, stem_norm, 0);
  builder.add(std::move(stem), stem_conv);
  if (config.wide_stem) builder.add(pool_step(3, 2, 1, false), "maxpool");

  std::int64_t channels = config.widths[0];
  for (std::size_t stage = 0; stage < config.depths.size(); ++stage)
    for (std::int64_t index = 0; index < config.depths[stage]; ++index) {
      const std::int64_t width = config.widths[stage], stride = stage > 0 && index == 0 ? 2 : 1;
      const std::string block = names.block(stage, index);
      const float in_scale = builder.byte_scale();
      CnnStep first, second;
      const auto [conv1, norm1] = names.conv(block, 0);
      const auto [conv2, norm2] = names.conv(block, 1);
      first.begins_block = second.ends_block = true;
      first.convolution = loader.conv_norm({channels, width, 3, stride, 1}, conv1, norm1, in_scale);
      builder.add(std::move(first), conv1);
      second.convolution = loader.conv_norm({width, width, 3, 1, 1}, conv2, norm2, builder.byte_scale());
      second.shortcut_stride = stride;
      if ((stride != 1 || channels != width) && !config.padded_shortcut) {
        const auto [conv, norm] = names.projection(block, loader);
        second.projection = loader.conv_norm({channels, width, 1, stride, 0}, conv, norm, in_scale);
      }
      builder.add(std::move(second), block);
      channels = width;
    }
  const std::string head = names.published ? "classifier.1" : loader.has("linear.weight") ? "linear" : "fc";
  weights.classifier.push_back(loader.linear(head, channels, config.classes, Activation::none));
}

void load_vgg(CnnLoader& loader, Builder& builder, CnnWeights& weights) {
  const CnnConfig& config = weights.config;
  std::int64_t channels = config.in_channels, index = 0;
  for (const std::int64_t width : config.layers) {
    const std::string name = fmt::format("features.{}", index);
    if (width == 0) {
      builder.add(pool_step(2, 2, 0, true), name);
      index += 1;
      continue;
    }
    CnnStep step;
    step.convolution =
        loader.conv_norm({channels, width, 3, 1, 1}, name, fmt::format("features.{}", index + 1), builder.byte_scale());
    builder.add(std::move(step), name);
    channels = width;
    index += 3;
  }
  if (config.classifier.empty()) {
    const std::string head = loader.has("classifier.weight") ? "classifier" : "classifier.0";
    weights.classifier.push_back(
        loader.after_map(head, channels, config.pooled_size, config.classes, Activation::none));
    return;
  }
  const bool timm = loader.has("pre_logits.fc1.weight");
  std::int64_t in = 0;
  for (std::size_t i = 0; i < config.classifier.size(); ++i) {
    const std::string name = timm ? fmt::format("pre_logits.fc{}", i + 1) : fmt::format("classifier.{}", 3 * i);
    const std::int64_t width = config.classifier[i];
    weights.classifier.push_back(i == 0 ? loader.after_map(name, channels, config.pooled_size, width, Activation::relu)
                                 : timm ? loader.after_map(name, in, 1, width, Activation::relu)
                                        : loader.linear(name, in, width, Activation::relu));
    in = width;
  }
  const std::string head = timm ? "head.fc" : fmt::format("classifier.{}", 3 * config.classifier.size());
  weights.classifier.push_back(loader.linear(head, in, config.classes, Activation::none));
}

// Convolutions and pools of the network.
std::int64_t layers_of(const CnnConfig& config) {
  if (config.family == CnnFamily::vgg) return static_cast<std::int64_t>(config.layers.size());
  std::int64_t layers = config.wide_stem ? 2 : 1;
  for (const std::int64_t blocks : config.depths) layers += 2 * blocks;
  return layers;
}

}  // namespace

void load_cnn_weights(const ModelFolder& folder, const CnnRanges& ranges, CnnWeights& weights, CnnKernels* kernels) {
  weights.config = parse_cnn_config(folder.config(), (folder.path() / "config.json").string());
  const std::int64_t layers = layers_of(weights.config);
  CnnRanges known = ranges;
  if (cnn_in_int8(folder)) {
    if (!ranges.empty())
      throw Error(ErrorKind::config, "the folder's weights are quantised already", folder.path().string(),
                  "name the folder that it was made from");
    known = read_cnn_ranges(folder, layers);
  }
  if (!known.empty() && static_cast<std::int64_t>(known.size()) != layers)
    throw Error(ErrorKind::internal, "ranges of another network", "", "");
  CnnLoader loader(folder, kernels);
  Builder builder(known, weights);
  if (weights.config.family == CnnFamily::resnet) {
    load_resnet(loader, builder, weights);
  } else {
    load_vgg(loader, builder, weights);
  }
  weights.steps.back().byte_scale = 0;  // heads read fp32
  weights.parameters = loader.parameters();
}

}  // namespace dynexec
