// Seeded parameters for a network of a diffusion pipeline that is trained from the beginning.
#pragma once

#include "models/diffusion/tensor_source.hpp"
#include "train/checkpoint.hpp"

namespace dynexec {

class FreshTensors : public diffusers::TensorSource {
 public:
  explicit FreshTensors(std::uint64_t seed) : seed_(seed) {}

  bool has(const std::string&) const override { return false; }
  // Matrices and kernels are normal with deviation 1 / sqrt(inputs); those that end a residual branch, and the
  // network's last, are 0, so that the network begins as the identity; embeddings have deviation 0.02.
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;
  diffusers::Dense pointwise(const std::string& name, std::int64_t out, std::int64_t in) override;

  const NamedTensors& parameters() const { return parameters_; }
  // Shapes in the checkpoint, of parameters() in their order.
  const std::vector<std::vector<std::int64_t>>& stored_shapes() const { return stored_shapes_; }

 private:
  at::Tensor make(const std::string& name, const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& stored);

  std::uint64_t seed_;
  NamedTensors parameters_;
  std::vector<std::vector<std::int64_t>> stored_shapes_;
};

}  // namespace dynexec
