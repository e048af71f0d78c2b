// What a convolution does with its kernel, other than LibTorch's conv2d with the weight as it is.
#pragma once

#include "models/diffusion/layers.hpp"

namespace dynexec::diffusers {

class ConvKernel {
 public:
  virtual ~ConvKernel() = default;
  // What conv() does for `layer`, which this kernel belongs to; no gradients.
  virtual at::Tensor apply(const Conv& layer, const at::Tensor& x, Cost& cost) = 0;
};

}  // namespace dynexec::diffusers
