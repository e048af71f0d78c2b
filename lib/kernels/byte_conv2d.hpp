// 2-D convolution in whole numbers: inputs that are nowhere negative as bytes with one scale for the map, int8 weights
// with a scale for each output channel. Bias and results are fp32.
#pragma once

#include "kernels/convolution.hpp"

namespace dynexec {

class ByteConv2d final : public Convolution {
 public:
  // Whether products in whole numbers fit: whole steps of 4 input channels, sums below 2^31.
  static bool fits(const ConvShape& shape);

  // As Conv2d, rounded to the nearest. An input is about byte * in_scale. Error(model) for weights that are not finite,
  // Error(internal) for shapes that do not fit.
  ByteConv2d(const ConvShape& shape, const std::vector<float>& weight, const std::vector<float>& bias, float in_scale);

  std::int64_t weight_bytes() const override {
    return codes_.size() + scales_.size() * static_cast<std::int64_t>(sizeof(float)) + bias_bytes();
  }
  bool takes_bytes() const override { return true; }

 private:
  void product(const KernelBranch& kernels, std::int64_t panel, const ConvJob& job, std::int64_t y, std::int64_t x,
               int pixels, float* tile) const override;
  const float* scales() const override { return scales_.data(); }

  AlignedBytes codes_;    // panels, each [kernel row][(kernel column, in channel) / 4][channels][4]
  AlignedFloats scales_;  // [out], up to whole vectors
};

}  // namespace dynexec
