// What 2-D convolutions over feature maps share, whatever their weights look like. The input is not unfolded: a kernel
// row over pixels side by side is a product whose rows overlap in memory.
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
  const ByteMap* in_bytes = nullptr;  // what a convolution of bytes reads, of the shape of `in`
  // Beside out, and of its shape: what convolutions of bytes read next, as codes of out / out_scale. None when null.
  ByteMap* out_bytes = nullptr;
  float out_scale = 1;
};

class Convolution {
 public:
  virtual ~Convolution() = default;

  const ConvShape& shape() const { return shape_; }
  virtual std::int64_t weight_bytes() const = 0;  // scales and bias included
  virtual bool takes_bytes() const = 0;
  double macs(const FeatureMap& out) const;

  // Uses compute_pool(). The result does not depend on the number of threads. Error(internal) for maps that do not fit.
  void forward(const FeatureMap& in, FeatureMap& out, Activation activation,
               const FeatureMap* residual = nullptr) const;
  // Several images of one size, each as it would come out alone; the weights are gone through once.
  void forward(std::span<const ConvJob> jobs, Activation activation) const;

 protected:
  // Error(internal) unless `weights` values and the bias, [out] or empty, are of that shape.
  Convolution(const ConvShape& shape, std::size_t weights, const std::vector<float>& bias);

  // Of one panel of up to kPanelWidth output channels: `pixels` results from (y, x) on go to tile [pixels,
  // kPanelWidth].
  virtual void product(const KernelBranch& kernels, std::int64_t panel, const ConvJob& job, std::int64_t y,
                       std::int64_t x, int pixels, float* tile) const = 0;
  // What the products are multiplied by, a channel each in the order of the panels; null: nothing.
  virtual const float* scales() const { return nullptr; }

  std::int64_t padded_out() const { return bias_.size(); }  // up to whole vectors
  std::int64_t bias_bytes() const { return bias_.size() * static_cast<std::int64_t>(sizeof(float)); }
  int width_of(std::int64_t panel) const;
  std::int64_t taps() const { return shape_.kernel * shape_.kernel; }

 private:
  void check(const ConvJob& job) const;
  void run_row(const KernelBranch& kernels, std::int64_t panel, std::int64_t y, const ConvJob& job,
               Activation activation) const;

  ConvShape shape_;
  AlignedFloats bias_;
};

}  // namespace dynexec
