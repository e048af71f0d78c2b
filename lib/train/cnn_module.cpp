// A ResNet or VGG with gradients; lib/models runs the exported result.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <c10/core/MemoryFormat.h>
#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/random.hpp"
#include "kernels/conv2d.hpp"
#include "train/backbone.hpp"
#include "train/export.hpp"

namespace dynexec {
namespace {

constexpr double kNormEps = 1e-5, kNormMomentum = 0.1;

// A convolution and the batch normalisation behind it.
struct ConvNorm {
  at::Tensor weight, gain, offset, mean, variance;
  std::int64_t stride = 1, padding = 1;

  at::Tensor forward(const at::Tensor& x, bool training) const {
    const at::Tensor y = at::conv2d(x, weight, {}, at::IntArrayRef(&stride, 1), at::IntArrayRef(&padding, 1));
    return at::batch_norm(y, gain, offset, mean, variance, training, kNormMomentum, kNormEps, false);
  }
};

struct Step {
  std::optional<ConvNorm> convolution;  // else a max-pool
  std::int64_t pool_kernel = 2, pool_stride = 2, pool_padding = 0;
  bool begins_block = false, ends_block = false, is_unit = true;
  std::optional<ConvNorm> projection;
  std::int64_t shortcut_stride = 1, channels = 0;
};

class CnnModule : public Backbone {
 public:
  CnnModule(nlohmann::json json, std::uint64_t seed)
      : json_(std::move(json)), config_(parse_cnn_config(json_, "network")), seed_(seed) {
    json_["torch_dtype"] = "float16";
    if (config_.family == CnnFamily::resnet) {
      add_resnet();
    } else {
      add_vgg();
    }
  }

  const std::vector<BackboneUnit>& units() const override { return units_; }
  const CnnConfig& config() const override { return config_; }

  BackboneOutput forward(const at::Tensor& images, const std::vector<std::size_t>& units, bool training,
                         bool logits) override {
    BackboneOutput out;
    const auto channel_row = [](const std::vector<float>& values) {
      at::Tensor row = at::empty({1, static_cast<std::int64_t>(values.size()), 1, 1});
      std::copy(values.begin(), values.end(), row.mutable_data_ptr<float>());
      return row;
    };
    at::Tensor x = ((images - channel_row(config_.mean)) / channel_row(config_.deviation))
                       .contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor entry;
    std::size_t unit = 0;
    for (const Step& step : steps_) {
      if (step.begins_block) entry = x;
      if (step.convolution) {
        x = step.convolution->forward(x, training);
        if (step.ends_block) x = x + shortcut(step, entry, training);
        x = at::relu(x);
      } else {
        x = at::max_pool2d(x, step.pool_kernel, step.pool_stride, step.pool_padding);
      }
      if (!step.is_unit) continue;
      if (out.maps.size() < units.size() && units[out.maps.size()] == unit) out.maps.push_back(x.permute({0, 2, 3, 1}));
      if (++unit == units_.size() || (!logits && out.maps.size() == units.size())) break;
    }
    if (logits) {
      const std::int64_t side = config_.family == CnnFamily::resnet ? 1 : config_.pooled_size;
      at::Tensor features = at::adaptive_avg_pool2d(x, {side, side}).flatten(1);
      for (std::size_t i = 0; i < config_.classifier.size(); ++i)
        features = at::relu(dense(fmt::format("classifier.{}", 3 * i), features));
      out.logits = dense(head_name(), features);
    }
    return out;
  }

  Optimiser::Named parameters() const override { return parameters_; }
  Optimiser::Named buffers() const override { return buffers_; }
  nlohmann::json config_json() const override { return json_; }

  // Matrices in fp16; normalisation stays in fp32, where small variances keep their digits.
  void export_to(std::vector<TensorView>& views, std::vector<at::Tensor>& owners) const override {
    const c10::NoGradGuard no_grad;
    for (const auto* list : {&parameters_, &buffers_})
      for (const auto& [name, tensor] : *list) {
        const bool half = tensor.dim() >= 2;
        at::Tensor value = exported_copy(name, tensor, half);
        views.push_back(
            {exported_name(name),
             half ? DType::f16 : DType::f32,
             value.sizes().vec(),
             {static_cast<const std::byte*>(value.const_data_ptr()), static_cast<std::size_t>(value.nbytes())}});
        owners.push_back(std::move(value));
      }
  }
  std::string origin() const override { return "A network trained from scratch"; }
  std::string fingerprint() const override { return json_.dump(); }

 private:
  std::string exported_name(const std::string& name) const {
    const std::string prefix = "classifier.";
    if (config_.family == CnnFamily::resnet && name.rfind(prefix, 0) == 0)
      return "linear." + name.substr(prefix.size());
    return name;
  }

  // As torchvision numbers them: behind each hidden layer come an activation and a dropout.
  std::string head_name() const {
    return config_.classifier.empty() ? "classifier" : fmt::format("classifier.{}", 3 * config_.classifier.size());
  }

  at::Tensor dense(const std::string& name, const at::Tensor& x) const {
    return at::linear(x, named(name + ".weight"), named(name + ".bias"));
  }

  const at::Tensor& named(const std::string& wanted) const {
    for (const auto& [name, tensor] : parameters_)
      if (name == wanted) return tensor;
    throw Error(ErrorKind::internal, "no such parameter", wanted, "");
  }

  at::Tensor parameter(const std::string& name, at::Tensor value) {
    value.requires_grad_(true);
    parameters_.emplace_back(name, value);
    return value;
  }
  at::Tensor buffer(const std::string& name, at::Tensor value) {
    buffers_.emplace_back(name, value);
    return value;
  }
  at::Tensor normal(at::IntArrayRef shape, double deviation) {
    at::Tensor tensor = at::empty(shape);
    RandomStream random(seed_, parameters_.size(), 1, static_cast<std::uint32_t>(Purpose::weights));
    float* values = tensor.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
    return tensor;
  }

  // He et al. 2015 (fan-out), as in the reference ResNets.
  ConvNorm conv_norm(const ConvShape& shape, const std::string& conv, const std::string& norm) {
    const double fan_out = static_cast<double>(shape.out_channels * shape.kernel * shape.kernel);
    ConvNorm layer;
    layer.stride = shape.stride;
    layer.padding = shape.padding;
    layer.weight =
        parameter(conv + ".weight",
                  normal({shape.out_channels, shape.in_channels, shape.kernel, shape.kernel}, std::sqrt(2 / fan_out)));
    layer.gain = parameter(norm + ".weight", at::ones({shape.out_channels}));
    layer.offset = parameter(norm + ".bias", at::zeros({shape.out_channels}));
    layer.mean = buffer(norm + ".running_mean", at::zeros({shape.out_channels}));
    layer.variance = buffer(norm + ".running_var", at::ones({shape.out_channels}));
    return layer;
  }

  void add(Step step, const std::string& name) {
    if (step.is_unit) units_.push_back({name, step.channels, !step.begins_block});
    steps_.push_back(std::move(step));
  }

  void add_dense(const std::string& name, std::int64_t in, std::int64_t out, double gain) {
    parameter(name + ".weight", normal({out, in}, std::sqrt(gain / static_cast<double>(in))));
    parameter(name + ".bias", at::zeros({out}));
  }

  void add_classifier(std::int64_t features) {
    for (std::size_t i = 0; i < config_.classifier.size(); ++i) {
      add_dense(fmt::format("classifier.{}", 3 * i), features, config_.classifier[i], 2);
      features = config_.classifier[i];
    }
    add_dense(head_name(), features, config_.classes, 1);
  }

  void add_resnet() {
    Step stem;
    stem.is_unit = false;
    stem.convolution = conv_norm(config_.wide_stem ? ConvShape{config_.in_channels, config_.widths[0], 7, 2, 3}
                                                   : ConvShape{config_.in_channels, config_.widths[0], 3, 1, 1},
                                 "conv1", "bn1");
    add(std::move(stem), "conv1");
    if (config_.wide_stem) {
      Step pool;
      pool.pool_kernel = 3;
      pool.pool_padding = 1;
      pool.is_unit = false;
      add(std::move(pool), "maxpool");
    }
    std::int64_t channels = config_.widths[0];
    for (std::size_t stage = 0; stage < config_.depths.size(); ++stage)
      for (std::int64_t index = 0; index < config_.depths[stage]; ++index) {
        const std::int64_t width = config_.widths[stage], stride = stage > 0 && index == 0 ? 2 : 1;
        const std::string block = fmt::format("layer{}.{}", stage + 1, index);
        Step first, second;
        first.begins_block = second.ends_block = true;
        first.channels = second.channels = width;
        first.convolution = conv_norm({channels, width, 3, stride, 1}, block + ".conv1", block + ".bn1");
        second.convolution = conv_norm({width, width, 3, 1, 1}, block + ".conv2", block + ".bn2");
        second.shortcut_stride = stride;
        if ((stride != 1 || channels != width) && !config_.padded_shortcut)
          second.projection = conv_norm({channels, width, 1, stride, 0}, block + ".shortcut.0", block + ".shortcut.1");
        add(std::move(first), block + ".conv1");
        add(std::move(second), block);
        channels = width;
      }
    add_classifier(channels);
  }

  void add_vgg() {
    std::int64_t channels = config_.in_channels, index = 0;
    for (const std::int64_t width : config_.layers) {
      const std::string name = fmt::format("features.{}", index);
      Step step;
      if (width > 0) {
        step.convolution = conv_norm({channels, width, 3, 1, 1}, name, fmt::format("features.{}", index + 1));
        channels = width;
      }
      step.channels = channels;
      add(std::move(step), name);
      index += width > 0 ? 3 : 1;
    }
    add_classifier(channels * config_.pooled_size * config_.pooled_size);
  }

  static at::Tensor shortcut(const Step& step, const at::Tensor& entry, bool training) {
    if (step.projection) return step.projection->forward(entry, training);
    if (step.shortcut_stride == 1 && entry.size(1) == step.channels) return entry;
    // Option A: every stride-th pixel, zero channels on both sides.
    const std::int64_t extra = step.channels - entry.size(1), before = extra / 2;
    const at::Tensor thin =
        entry.slice(2, 0, entry.size(2), step.shortcut_stride).slice(3, 0, entry.size(3), step.shortcut_stride);
    return at::constant_pad_nd(thin, {0, 0, 0, 0, before, extra - before});
  }

  nlohmann::json json_;
  CnnConfig config_;
  std::uint64_t seed_;
  std::vector<Step> steps_;
  std::vector<BackboneUnit> units_;
  Optimiser::Named parameters_, buffers_;
};

}  // namespace

std::unique_ptr<Backbone> trainable_backbone(const nlohmann::json& config, std::uint64_t seed) {
  return std::make_unique<CnnModule>(config, seed);
}

}  // namespace dynexec
