// A convolution that notes the range of its inputs, for the bytes that they become in int8.
#pragma once

#include "models/diffusion/conv_kernel.hpp"
#include "models/diffusion/layer_plan.hpp"
#include "models/diffusion/packed_kernel.hpp"

namespace dynexec::diffusers {

class ObservingKernel : public ConvKernel {
 public:
  // `range` is written to, by one thread at a time, and outlives this.
  ObservingKernel(at::Tensor weight, ActivationRange& range) : kernel_(std::move(weight)), range_(range) {}

  at::Tensor apply(const Conv& layer, const at::Tensor& x, Cost& cost) override;

 private:
  PackedKernel kernel_;
  ActivationRange& range_;
};

}  // namespace dynexec::diffusers
