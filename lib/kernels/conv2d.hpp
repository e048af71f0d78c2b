// 2-D convolution in fp32 over feature maps, without unfolding the input.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/branch.hpp"
#include "kernels/feature_map.hpp"

namespace dynexec {

struct ConvShape {
  std::int64_t in_channels = 0, out_channels = 0;
  std::int64_t kernel = 3, stride = 1, padding = 1;  // square, the same in both directions

  std::int64_t out_size(std::int64_t in_size) const { return (in_size + 2 * padding - kernel) / stride + 1; }
};

// out = activation(conv(in) + bias + residual). in has a border of at least the padding; out has the convolution's
// channels and size; residual (or null) has out's size.
struct ConvJob {
  const FeatureMap* in = nullptr;
  FeatureMap* out = nullptr;
  const FeatureMap* residual = nullptr;
};

class Conv2d {
 public:
  // weight [out, in, kernel, kernel] row-major, bias [out] or empty. Throws Error(internal) for other sizes.
  Conv2d(ConvShape shape, const std::vector<float>& weight, const std::vector<float>& bias);

  const ConvShape& shape() const { return shape_; }
  std::int64_t weight_bytes() const {
    return (weight_.size() + bias_.size()) * static_cast<std::int64_t>(sizeof(float));
  }
  double macs(const FeatureMap& out) const;

  // Uses compute_pool(). The result does not depend on the number of threads.
  void forward(const FeatureMap& in, FeatureMap& out, Activation activation,
               const FeatureMap* residual = nullptr) const;
  // Several images of one size, each as it would come out alone; the weights are gone through once.
  void forward(std::span<const ConvJob> jobs, Activation activation) const;

 private:
  void check(const ConvJob& job) const;
  void run_row(const KernelBranch& kernels, std::int64_t panel, std::int64_t y, const ConvJob& job,
               Activation activation) const;

  ConvShape shape_;
  std::int64_t padded_out_ = 0;
  AlignedFloats weight_;  // panels of up to 64 output channels, each [kernel row][kernel column, in channel][channels]
  AlignedFloats bias_;    // padded_out_
};

}  // namespace dynexec
