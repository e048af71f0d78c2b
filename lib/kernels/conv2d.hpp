// 2-D convolution in fp32.
#pragma once

#include "kernels/convolution.hpp"

namespace dynexec {

class Conv2d final : public Convolution {
 public:
  // weight [out, in, kernel, kernel] row-major, bias [out] or empty. Throws Error(internal) for other sizes.
  Conv2d(const ConvShape& shape, const std::vector<float>& weight, const std::vector<float>& bias);

  std::int64_t weight_bytes() const override {
    return weight_.size() * static_cast<std::int64_t>(sizeof(float)) + bias_bytes();
  }
  bool takes_bytes() const override { return false; }

 private:
  void product(const KernelBranch& kernels, std::int64_t panel, const ConvJob& job, std::int64_t y, std::int64_t x,
               int pixels, float* tile) const override;

  AlignedFloats weight_;  // panels of up to 64 output channels, each [kernel row][kernel column, in channel][channels]
};

}  // namespace dynexec
