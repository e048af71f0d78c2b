// A convolution in whole numbers: int8 weights with a scale for each output channel, and inputs as bytes of one range
// for all of them, which calibration has found. Input channels are brought to like sizes first, by factors that the
// weights take back (Xiao et al. 2023, SmoothQuant). Bias and result are fp32.
#pragma once

#include <mutex>
#include <vector>

#include "kernels/byte_codes.hpp"
#include "models/diffusion/conv_kernel.hpp"
#include "models/diffusion/layer_plan.hpp"
#include "models/diffusion/stored_layers.hpp"

namespace dynexec::diffusers {

// weight [out, in, side, side], fp32.
QuantisedConv quantise_conv(const at::Tensor& weight, const ActivationRange& inputs);

class QuantisedKernel : public ConvKernel {
 public:
  explicit QuantisedKernel(const QuantisedConv& conv);

  // A row's result depends on no other row. The first call packs for maps of its size; others are right, too.
  at::Tensor apply(const Conv& layer, const at::Tensor& x, Cost& cost) override;

 private:
  // Where LibTorch can.
  void pack(const Conv& layer, const at::Tensor& x);
  at::Tensor convolve(const Conv& layer, const at::Tensor& bytes) const;

  std::vector<float> factors_;  // of the input channels
  ByteCode inputs_;             // of inputs times factors
  at::Tensor codes_;            // int8, [out, in, side, side]; undefined where `packed_` has them
  at::Tensor scales_;           // [out]
  at::Tensor zeros_;            // of the weights' codes, [out]: LibTorch's operator wants them
  at::Tensor packed_;
  std::int64_t elements_;
  std::once_flag once_;
};

}  // namespace dynexec::diffusers
