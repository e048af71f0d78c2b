#include "models/diffusion/tensor_source.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "base/error.hpp"
#include "models/diffusion/packed_kernel.hpp"

namespace dynexec::diffusers {

Dense TensorSource::dense(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
  Dense layer{take(name + ".weight", {out, in}), {}};
  if (bias) layer.bias = take(name + ".bias", {out});
  return layer;
}

Dense TensorSource::pointwise(const std::string& name, std::int64_t out, std::int64_t in) {
  at::Tensor weight = take(name + ".weight", {out, in, 1, 1}).view({out, in});
  return {std::move(weight), take(name + ".bias", {out})};
}

Conv TensorSource::conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side) {
  Conv layer{take(name + ".weight", {out, in, side, side}), take(name + ".bias", {out})};
  layer.padding = side / 2;
  return layer;
}

Norm TensorSource::norm(const std::string& name, std::int64_t channels, std::int64_t groups, double epsilon) {
  return {take(name + ".weight", {channels}), take(name + ".bias", {channels}), groups, epsilon};
}

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

Conv FolderSource::conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side) {
  Conv layer = TensorSource::conv(name, out, in, side);
  layer.packed = std::make_shared<PackedKernel>(std::move(layer.weight));
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
