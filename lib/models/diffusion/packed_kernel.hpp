// A convolution's kernel in the layout that the machine's convolution wants. LibTorch's conv2d brings the kernel into
// it at every call, which for small maps takes as long as the convolution.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>

#include "models/diffusion/layers.hpp"

namespace dynexec::diffusers {

class PackedKernel {
 public:
  explicit PackedKernel(at::Tensor weight);  // [out, in, side, side], fp32

  // What conv() does for `layer`, which this kernel belongs to; no gradients. The first call packs for maps of its
  // size; others are right, too.
  at::Tensor apply(const Conv& layer, const at::Tensor& x, Cost& cost);

 private:
  std::once_flag once_;
  at::Tensor weight_;  // packed where LibTorch can
  bool packed_ = false;
  std::int64_t elements_, out_;
};

}  // namespace dynexec::diffusers
