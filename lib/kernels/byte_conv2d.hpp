// 2-D convolution in whole numbers: inputs that are nowhere negative as bytes with one scale for the map, int8 weights
// with a scale for each output channel. Bias and results are fp32.
#pragma once

#include "kernels/convolution.hpp"

namespace dynexec {

// Weights [out, in, kernel, kernel], row-major: about code * scale of the output channel.
struct ByteKernel {
  std::vector<std::int8_t> codes;  // -127 to 127
  std::vector<float> scales;       // [out], above 0
};
// The nearest codes to the weights of `out` channels, of which the largest has the code 127. Error(model) for weights
// that are not finite.
ByteKernel round_kernel(const std::vector<float>& weight, std::int64_t out);

class ByteConv2d final : public Convolution {
 public:
  // Whether products in whole numbers fit: whole steps of 4 input channels, sums below 2^31.
  static bool fits(const ConvShape& shape);

  // An input is about byte * in_scale, the bias [out] or empty. Error(internal) for shapes that do not fit.
  ByteConv2d(const ConvShape& shape, const ByteKernel& kernel, const std::vector<float>& bias, float in_scale);

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
