// The residual block of U-Net and decoder: two normalised convolutions around a shift that depends on the time.
#pragma once

#include "models/diffusion/tensor_source.hpp"

namespace dynexec::diffusers {

struct ResnetBlock {
  Norm norm1, norm2;
  Conv conv1, conv2;
  Dense time;             // [out, time width]; undefined where no time is given
  Dense shortcut;         // [out, in]; undefined where in == out
  std::size_t index = 0;  // of its shift among those of the network
};

struct ResnetShape {
  std::int64_t in = 0, out = 0;
  std::int64_t time = 0;  // width of the time embedding, 0 for none
  std::int64_t groups = 32;
  double epsilon = 1e-5;
};

ResnetBlock take_resnet(TensorSource& source, const std::string& name, const ResnetShape& shape);

// x [rows, in, height, width]; shift [1 or rows, out], undefined where no time is given.
at::Tensor run_resnet(const ResnetBlock& block, const at::Tensor& x, const at::Tensor& shift, Cost& cost);

// Twice the size by repeating the nearest value, or the size that is given, then a convolution.
at::Tensor upsample(const Conv& layer, const at::Tensor& x, std::int64_t height, std::int64_t width, Cost& cost);

}  // namespace dynexec::diffusers
