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

void Conv2d::check(const ConvJob& job) const {
  const FeatureMap &in = *job.in, &out = *job.out;
  if (in.channels() != shape_.in_channels || in.border() < shape_.padding || out.channels() != shape_.out_channels ||
      out.height() != shape_.out_size(in.height()) || out.width() != shape_.out_size(in.width()) ||
      (job.residual && (job.residual->channels() != out.channels() || job.residual->height() != out.height() ||
                        job.residual->width() != out.width())))
    throw Error(ErrorKind::internal, "feature maps do not fit a convolution", "", "");
}

void Conv2d::forward(const FeatureMap& in, FeatureMap& out, Activation activation, const FeatureMap* residual) const {
  const ConvJob job{.in = &in, .out = &out, .residual = residual};
  forward(std::span(&job, 1), activation);
}

void Conv2d::forward(std::span<const ConvJob> jobs, Activation activation) const {
  if (jobs.empty()) return;
  for (const ConvJob& job : jobs) check(job);
  const FeatureMap& first = *jobs.front().out;
  for (const ConvJob& job : jobs)
    if (job.out->height() != first.height() || job.out->width() != first.width())
      throw Error(ErrorKind::internal, "images of several sizes in one convolution", "", "");
  const std::int64_t panels = (padded_out_ + kPanelWidth - 1) / kPanelWidth, height = first.height();
  const std::int64_t rows = height * static_cast<std::int64_t>(jobs.size()), tasks = panels * rows;
  const double macs_per_task = macs(first) / static_cast<double>(panels * height);
  const auto grain = static_cast<std::int64_t>(kSerialMacs / macs_per_task) + 1;
  const KernelBranch& kernels = kernel_branch();
  compute_pool().split(tasks, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t row = task % rows;
      run_row(kernels, task / rows, row % height, jobs[static_cast<std::size_t>(row / height)], activation);
    }
  });
}

void Conv2d::run_row(const KernelBranch& kernels, std::int64_t panel, std::int64_t y, const ConvJob& job,
                     Activation activation) const {
  const FeatureMap& in = *job.in;
  FeatureMap& out = *job.out;
  const FeatureMap* residual = job.residual;
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
