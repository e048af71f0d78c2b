#include "kernels/byte_conv2d.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kStep = 4;  // bytes that one product adds up
constexpr float kLargestCode = 127;
constexpr std::int64_t kMostInputs = std::numeric_limits<std::int32_t>::max() / (255 * 127);

}  // namespace

bool ByteConv2d::fits(const ConvShape& shape) {
  return shape.in_channels % kStep == 0 && shape.in_channels * shape.kernel * shape.kernel <= kMostInputs;
}

ByteKernel round_kernel(const std::vector<float>& weight, std::int64_t out) {
  const std::size_t each = weight.size() / static_cast<std::size_t>(out);
  ByteKernel kernel;
  kernel.codes.reserve(weight.size());
  for (std::size_t o = 0; o < static_cast<std::size_t>(out); ++o) {
    const std::span<const float> own = std::span(weight).subspan(o * each, each);
    float largest = 0, nothing = 0;  // nothing: 0, or NaN where a weight is not finite
    for (const float value : own) {
      largest = std::max(largest, std::abs(value));
      nothing += value * 0;
    }
    if (nothing != 0) throw Error(ErrorKind::model, "the weights are not finite", "", "the checkpoint is damaged");
    // A channel without weights has any scale.
    const float scale = std::isnormal(largest / kLargestCode) ? largest / kLargestCode : 1;
    kernel.scales.push_back(scale);
    for (const float value : own) kernel.codes.push_back(static_cast<std::int8_t>(std::lround(value / scale)));
  }
  return kernel;
}

ByteConv2d::ByteConv2d(const ConvShape& shape, const ByteKernel& kernel, const std::vector<float>& bias, float in_scale)
    : Convolution(shape, kernel.codes.size(), bias) {
  if (!fits(shape) || static_cast<std::int64_t>(kernel.scales.size()) != shape.out_channels)
    throw Error(ErrorKind::internal, "a convolution of these channels has no bytes", "", "");
  const std::int64_t in = shape.in_channels, each = in * taps();
  codes_ = AlignedBytes::clustered(padded_out() * each);
  scales_ = AlignedFloats::clustered(padded_out());
  for (std::int64_t o = 0; o < shape.out_channels; ++o) {
    const std::int8_t* own = kernel.codes.data() + o * each;
    scales_[o] = kernel.scales[static_cast<std::size_t>(o)] * in_scale;
    const std::int64_t first = o / kPanelWidth * kPanelWidth, width = width_of(o / kPanelWidth);
    auto* panel = codes_.as<std::int8_t>() + first * each;
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t t = 0; t < taps(); ++t) {
        const std::int64_t k = t * in + i;
        panel[(k / kStep * width + o - first) * kStep + k % kStep] = own[i * taps() + t];
      }
  }
}

void ByteConv2d::product(const KernelBranch& kernels, std::int64_t panel, const ConvJob& job, std::int64_t y,
                         std::int64_t x, int pixels, float* tile) const {
  const ConvShape& s = shape();
  const PixelBytes in{.x = job.in_bytes->at(y * s.stride - s.padding, x * s.stride - s.padding),
                      .step = s.stride * s.in_channels,
                      .row = job.in_bytes->row_stride(),
                      .depth = s.kernel * s.in_channels,
                      .rows = static_cast<int>(s.kernel)};
  kernels.pixels_int8(in, pixels, codes_.as<std::int8_t>() + panel * kPanelWidth * s.in_channels * taps(),
                      width_of(panel), tile, kPanelWidth);
}

}  // namespace dynexec
