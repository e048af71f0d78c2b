// Pixel x of a kernel row reads the kernel * channels floats that start at its own, and the next pixel's start
// stride * channels further on.
#include "kernels/conv2d.hpp"

namespace dynexec {

Conv2d::Conv2d(const ConvShape& shape, const std::vector<float>& weight, const std::vector<float>& bias)
    : Convolution(shape, weight.size(), bias) {
  const std::int64_t in = shape.in_channels;
  weight_ = AlignedFloats::clustered(padded_out() * in * taps());
  for (std::int64_t o = 0; o < shape.out_channels; ++o) {
    const std::int64_t first = o / kPanelWidth * kPanelWidth, width = width_of(o / kPanelWidth);
    float* panel = weight_.data() + first * in * taps();
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t t = 0; t < taps(); ++t)
        panel[(t * in + i) * width + o - first] = weight[static_cast<std::size_t>((o * in + i) * taps() + t)];
  }
}

void Conv2d::product(const KernelBranch& kernels, std::int64_t panel, const ConvJob& job, std::int64_t y,
                     std::int64_t x, int pixels, float* tile) const {
  const ConvShape& s = shape();
  const int width = width_of(panel);
  const std::int64_t depth = s.kernel * s.in_channels, step = s.stride * s.in_channels;
  const float* weight = weight_.data() + panel * kPanelWidth * depth * s.kernel;
  for (std::int64_t ky = 0; ky < s.kernel; ++ky)
    kernels.product(job.in->at(y * s.stride + ky - s.padding, x * s.stride - s.padding), step, pixels,
                    weight + ky * depth * width, width, depth, width, tile, kPanelWidth, ky > 0);
}

}  // namespace dynexec
