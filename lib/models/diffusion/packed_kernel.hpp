// A convolution's kernel in the layout that the machine's convolution wants. LibTorch's conv2d brings the kernel into
// it at every call, which for small maps takes as long as the convolution.
#pragma once

#include <mutex>

#include "models/diffusion/conv_kernel.hpp"

namespace dynexec::diffusers {

class PackedKernel : public ConvKernel {
 public:
  explicit PackedKernel(at::Tensor weight);  // [out, in, side, side], fp32

  // The first call packs for maps of its size; others are right, too.
  at::Tensor apply(const Conv& layer, const at::Tensor& x, Cost& cost) override;

 private:
  std::once_flag once_;
  at::Tensor weight_;  // packed where LibTorch can
  bool packed_ = false;
  std::int64_t elements_, out_;
};

}  // namespace dynexec::diffusers
