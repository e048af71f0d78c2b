#include "models/diffusion/tensor_source.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "base/error.hpp"
#include "models/diffusion/observing_kernel.hpp"
#include "models/diffusion/packed_kernel.hpp"
#include "models/diffusion/quantised_kernel.hpp"

namespace dynexec::diffusers {

Dense TensorSource::dense(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
  Dense layer{take(name + ".weight", {out, in}), {}, nullptr, 0};
  if (bias) layer.bias = take(name + ".bias", {out});
  return layer;
}

Dense TensorSource::pointwise(const std::string& name, std::int64_t out, std::int64_t in) {
  at::Tensor weight = take(name + ".weight", {out, in, 1, 1}).view({out, in});
  return {std::move(weight), take(name + ".bias", {out}), nullptr, 0};
}

Conv TensorSource::conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side) {
  Conv layer{take(name + ".weight", {out, in, side, side}), take(name + ".bias", {out})};
  layer.padding = side / 2;
  return layer;
}

Norm TensorSource::norm(const std::string& name, std::int64_t channels, std::int64_t groups, double epsilon) {
  return {take(name + ".weight", {channels}), take(name + ".bias", {channels}), groups, epsilon};
}

namespace {

constexpr double kBitsOfByte = 8;
// Matrices find the scales of their inputs row by row, which for fewer outputs takes longer than whole numbers save.
constexpr std::int64_t kFewOutputs = 128;

std::vector<float> values_of(const at::Tensor& tensor) {
  const float* const values = tensor.const_data_ptr<float>();
  return {values, values + tensor.numel()};
}

}  // namespace

bool FolderSource::has(const std::string& name) const {
  return folder_.find(name).has_value();
}

at::Tensor FolderSource::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorView view = folder_.require(name, shape);
  taken_.insert(view.name);
  parameters_ += static_cast<double>(view.elements());
  at::Tensor tensor = at::empty(shape);
  copy_as_f32(view, {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  const bool spatial = shape.size() == 4 && shape[2] * shape[3] > 1;
  return spatial ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
}

Dense FolderSource::packed(const std::string& name, const Dense& layer) const {
  const std::int64_t out = layer.weight.size(0), in = layer.weight.size(1);
  const LayerPlan::Kind kind = plan_.kind_of(name);
  WeightFormat format;
  if (out >= kFewOutputs && kind == LayerPlan::Kind::int8) format = weight_format("int8-a8");
  if (out >= kFewOutputs && kind == LayerPlan::Kind::int4) format = weight_format("int4-g32-a8");
  std::vector<float> bias = layer.bias.defined() ? values_of(layer.bias) : std::vector<float>();
  const double bytes = static_cast<double>(out * in) * format.bits_per_weight(in) / kBitsOfByte +
                       static_cast<double>(sizeof(float) * bias.size());
  StoredMatrix weight = round_to_nearest(values_of(layer.weight), out, in, format);
  return {at::Tensor(), at::Tensor(), make_linear(std::move(weight), std::move(bias)), bytes};
}

Dense FolderSource::dense(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
  return packed(name, TensorSource::dense(name, out, in, bias));
}

Dense FolderSource::pointwise(const std::string& name, std::int64_t out, std::int64_t in) {
  return packed(name, TensorSource::pointwise(name, out, in));
}

Conv FolderSource::conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side) {
  Conv layer = TensorSource::conv(name, out, in, side);
  switch (plan_.kind_of(name)) {
    case LayerPlan::Kind::fp32:
      layer.kernel = std::make_shared<PackedKernel>(std::move(layer.weight));
      break;
    case LayerPlan::Kind::observed:
      layer.kernel = std::make_shared<ObservingKernel>(std::move(layer.weight), (*plan_.ranges)[name]);
      break;
    case LayerPlan::Kind::int8:
    case LayerPlan::Kind::int4:
      layer.kernel = std::make_shared<QuantisedKernel>(layer.weight, plan_.ranges->at(name));
      break;
  }
  layer.weight = at::Tensor();
  return layer;
}

void FolderSource::refuse_rest(const std::vector<std::string>& allowed) const {
  for (const std::string& name : folder_.tensor_names()) {
    if (taken_.contains(name)) continue;
    if (std::any_of(allowed.begin(), allowed.end(), [&](const std::string& start) { return name.starts_with(start); }))
      continue;
    throw Error(ErrorKind::model, "the tensor is not part of the network that config.json describes",
                (folder_.path() / name).string(), "check that config.json belongs to these weights");
  }
}

}  // namespace dynexec::diffusers
