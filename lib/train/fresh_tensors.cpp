#include "train/fresh_tensors.hpp"

#include <ATen/Functions.h>

#include <array>
#include <cmath>

#include "base/random.hpp"

namespace dynexec {
namespace {

constexpr double kEmbeddingDeviation = 0.02;
constexpr std::array<const char*, 3> kLastOfBranch{"conv2.weight", "proj_out.weight", "conv_out.weight"};

bool ends_branch(const std::string& name) {
  for (const char* end : kLastOfBranch)
    if (name.ends_with(end)) return true;
  return false;
}

}  // namespace

at::Tensor FreshTensors::make(const std::string& name, const std::vector<std::int64_t>& shape,
                              const std::vector<std::int64_t>& stored) {
  at::Tensor tensor = at::zeros(shape);
  if (shape.size() == 1 && name.ends_with(".weight")) tensor.fill_(1);
  if (shape.size() > 1 && !ends_branch(name)) {
    const auto inputs = static_cast<double>(tensor.numel() / shape[0]);
    const double deviation =
        name.find("embedding.weight") == std::string::npos ? 1 / std::sqrt(inputs) : kEmbeddingDeviation;
    RandomStream random(seed_, parameters_.size(), 0, static_cast<std::uint32_t>(Purpose::weights));
    auto* values = tensor.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  }
  tensor.requires_grad_(true);
  parameters_.emplace_back(name, tensor);
  stored_shapes_.push_back(stored);
  return tensor;
}

at::Tensor FreshTensors::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  return make(name, shape, shape);
}

diffusers::Dense FreshTensors::pointwise(const std::string& name, std::int64_t out, std::int64_t in) {
  at::Tensor weight = make(name + ".weight", {out, in}, {out, in, 1, 1});
  return {std::move(weight), take(name + ".bias", {out}), nullptr, 0};
}

}  // namespace dynexec
