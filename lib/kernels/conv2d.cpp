// A kernel row over pixels side by side is a product whose rows overlap in memory: pixel x reads the kernel * channels
// floats that start at its own, and the next pixel's start stride * channels further on.
#include "kernels/conv2d.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

// Pixels whose results wait in a tile for the epilogue.
constexpr std::int64_t kTilePixels = 42;
// With 32 channels one group of the product holds this many (52 instead of 46 GMAC/s; 16 channels lose by it).
constexpr std::int64_t kNarrowPixels = 14;
// Multiply-adds below which waking another thread costs more than it saves.
constexpr double kSerialMacs = 96 * 1024;

}  // namespace

Conv2d::Conv2d(ConvShape shape, const std::vector<float>& weight, const std::vector<float>& bias) : shape_(shape) {
  const std::int64_t taps = shape.kernel * shape.kernel, in = shape.in_channels, out = shape.out_channels;
  if (in < 1 || out < 1 || shape.kernel < 1 || shape.stride < 1 || shape.padding < 0 ||
      static_cast<std::int64_t>(weight.size()) != out * in * taps ||
      (!bias.empty() && static_cast<std::int64_t>(bias.size()) != out))
    throw Error(
        ErrorKind::internal,
        fmt::format("{} weights for a convolution of {} to {} channels, {} wide", weight.size(), in, out, shape.kernel),
        "", "");
  padded_out_ = (out + kPanelStep - 1) / kPanelStep * kPanelStep;
  weight_ = AlignedFloats::clustered(padded_out_ * in * taps);
  bias_ = AlignedFloats::clustered(padded_out_);
  std::copy(bias.begin(), bias.end(), bias_.data());
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t first = o / kPanelWidth * kPanelWidth,
                       width = std::min<std::int64_t>(kPanelWidth, padded_out_ - first);
    float* panel = weight_.data() + first * in * taps;
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t t = 0; t < taps; ++t)
        panel[(t * in + i) * width + o - first] = weight[static_cast<std::size_t>((o * in + i) * taps + t)];
  }
}

double Conv2d::macs(const FeatureMap& out) const {
  return static_cast<double>(out.height() * out.width()) *
         static_cast<double>(shape_.in_channels * shape_.out_channels * shape_.kernel * shape_.kernel);
}

void Conv2d::forward(const FeatureMap& in, FeatureMap& out, Activation activation, const FeatureMap* residual) const {
  if (in.channels() != shape_.in_channels || in.border() < shape_.padding || out.channels() != shape_.out_channels ||
      out.height() != shape_.out_size(in.height()) || out.width() != shape_.out_size(in.width()) ||
      (residual && (residual->channels() != out.channels() || residual->height() != out.height() ||
                    residual->width() != out.width())))
    throw Error(ErrorKind::internal, "feature maps do not fit a convolution", "", "");
  const std::int64_t panels = (padded_out_ + kPanelWidth - 1) / kPanelWidth;
  const std::int64_t tasks = panels * out.height();
  const double macs_per_task = macs(out) / static_cast<double>(tasks);
  const auto grain = static_cast<std::int64_t>(kSerialMacs / macs_per_task) + 1;
  const KernelBranch& kernels = kernel_branch();
  compute_pool().split(tasks, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t task = begin; task < end; ++task)
      run_row(kernels, task / out.height(), task % out.height(), in, out, activation, residual);
  });
}

void Conv2d::run_row(const KernelBranch& kernels, std::int64_t panel, std::int64_t y, const FeatureMap& in,
                     FeatureMap& out, Activation activation, const FeatureMap* residual) const {
  alignas(64) float tile[kTilePixels * kPanelWidth];
  const std::int64_t first = panel * kPanelWidth;
  const int width = static_cast<int>(std::min<std::int64_t>(kPanelWidth, padded_out_ - first));
  const int columns = static_cast<int>(std::min<std::int64_t>(kPanelWidth, shape_.out_channels - first));
  const std::int64_t depth = shape_.kernel * shape_.in_channels, step = shape_.stride * shape_.in_channels;
  const float* weight = weight_.data() + first * depth * shape_.kernel;
  Epilogue epilogue;
  epilogue.bias = bias_.data() + first;
  epilogue.activation = activation;
  // Parts of equal width, so that the last one is not narrow.
  const std::int64_t most = width == 32 ? kNarrowPixels : kTilePixels;
  const std::int64_t parts = (out.width() + most - 1) / most;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t x = out.width() * part / parts;
    const int pixels = static_cast<int>(out.width() * (part + 1) / parts - x);
    for (std::int64_t ky = 0; ky < shape_.kernel; ++ky)
      kernels.product(in.at(y * shape_.stride + ky - shape_.padding, x * shape_.stride - shape_.padding), step, pixels,
                      weight + ky * depth * width, width, depth, width, tile, kPanelWidth, ky > 0);
    if (residual) {
      epilogue.residual = residual->at(y, x) + first;
      epilogue.residual_stride = residual->channels();
    }
    kernels.finish(tile, pixels, width, epilogue, out.at(y, x) + first, out.channels(), columns);
  }
}

}  // namespace dynexec
