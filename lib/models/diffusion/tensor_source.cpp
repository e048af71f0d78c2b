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

void FolderSource::note(const std::vector<std::string>& names, std::int64_t parameters) {
  for (const std::string& name : names) taken_.insert(folder_.find(name)->name);
  parameters_ += static_cast<double>(parameters);
}

StoredMatrix FolderSource::matrix(const std::string& name, const std::vector<std::int64_t>& shape,
                                  LayerPlan::Kind kind) {
  const std::int64_t out = shape[0], in = shape[1];
  const WeightFormat format = out >= kFewOutputs ? matrix_format(kind) : WeightFormat{};
  if (plan_.stored && format.quantised()) {
    StoredMatrix weight = read_matrix(folder_, name, out, in, kind);
    note(matrix_tensors(name, kind), out * in);
    return weight;
  }
  StoredMatrix weight = round_to_nearest(values_of(take(name, shape)), out, in, format);
  if (plan_.made && format.quantised()) plan_.made->matrices[folder_.find(name)->name] = weight;
  return weight;
}

Dense FolderSource::packed(StoredMatrix weight, const at::Tensor& bias) const {
  std::vector<float> values = bias.defined() ? values_of(bias) : std::vector<float>();
  const double bytes =
      static_cast<double>(weight.out * weight.in) * weight.format.bits_per_weight(weight.in) / kBitsOfByte +
      static_cast<double>(sizeof(float) * values.size());
  return {at::Tensor(), at::Tensor(), make_linear(std::move(weight), std::move(values)), bytes};
}

Dense FolderSource::dense(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
  StoredMatrix weight = matrix(name + ".weight", {out, in}, plan_.kind_of(name));
  return packed(std::move(weight), bias ? take(name + ".bias", {out}) : at::Tensor());
}

Dense FolderSource::pointwise(const std::string& name, std::int64_t out, std::int64_t in) {
  StoredMatrix weight = matrix(name + ".weight", {out, in, 1, 1}, plan_.kind_of(name));
  return packed(std::move(weight), take(name + ".bias", {out}));
}

QuantisedConv FolderSource::quantised(const std::string& name, const std::string& layer,
                                      const std::vector<std::int64_t>& shape) {
  if (plan_.stored) {
    QuantisedConv conv = read_conv(folder_, name, shape);
    note(conv_tensors(name), static_cast<std::int64_t>(conv.kernel.codes.size()));
    return conv;
  }
  QuantisedConv conv = quantise_conv(take(name, shape), plan_.ranges->at(layer));
  if (plan_.made) plan_.made->convolutions[folder_.find(name)->name] = conv;
  return conv;
}

Conv FolderSource::conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side) {
  const std::string weight = name + ".weight";
  const std::vector<std::int64_t> shape{out, in, side, side};
  Conv layer;
  layer.padding = side / 2;
  switch (plan_.kind_of(name)) {
    case LayerPlan::Kind::fp32:
      layer.kernel = std::make_shared<PackedKernel>(take(weight, shape));
      break;
    case LayerPlan::Kind::observed:
      layer.kernel = std::make_shared<ObservingKernel>(take(weight, shape), (*plan_.ranges)[name]);
      break;
    case LayerPlan::Kind::int8:
    case LayerPlan::Kind::int4:
      layer.kernel = std::make_shared<QuantisedKernel>(quantised(weight, name, shape));
      break;
  }
  layer.bias = take(name + ".bias", {out});
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
