#include "kernels/convolution.hpp"

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

bool same_shape(const auto& a, const FeatureMap& b) {
  return a.channels() == b.channels() && a.height() == b.height() && a.width() == b.width();
}

}  // namespace

Convolution::Convolution(const ConvShape& shape, std::size_t weights, const std::vector<float>& bias) : shape_(shape) {
  const std::int64_t in = shape.in_channels, out = shape.out_channels;
  if (in < 1 || out < 1 || shape.kernel < 1 || shape.stride < 1 || shape.padding < 0 ||
      static_cast<std::int64_t>(weights) != out * in * taps() ||
      (!bias.empty() && static_cast<std::int64_t>(bias.size()) != out))
    throw Error(
        ErrorKind::internal,
        fmt::format("{} weights for a convolution of {} to {} channels, {} wide", weights, in, out, shape.kernel), "",
        "");
  bias_ = AlignedFloats::clustered((out + kPanelStep - 1) / kPanelStep * kPanelStep);
  std::copy(bias.begin(), bias.end(), bias_.data());
}

int Convolution::width_of(std::int64_t panel) const {
  return static_cast<int>(std::min<std::int64_t>(kPanelWidth, padded_out() - panel * kPanelWidth));
}

double Convolution::macs(const FeatureMap& out) const {
  return static_cast<double>(out.height() * out.width()) *
         static_cast<double>(shape_.in_channels * shape_.out_channels * taps());
}

void Convolution::check(const ConvJob& job) const {
  const FeatureMap &in = *job.in, &out = *job.out;
  const bool bytes_fit =
      !takes_bytes() || (job.in_bytes && same_shape(*job.in_bytes, in) && job.in_bytes->border() >= shape_.padding);
  if (in.channels() != shape_.in_channels || in.border() < shape_.padding || out.channels() != shape_.out_channels ||
      out.height() != shape_.out_size(in.height()) || out.width() != shape_.out_size(in.width()) ||
      (job.residual && !same_shape(*job.residual, out)) || (job.out_bytes && !same_shape(*job.out_bytes, out)) ||
      !bytes_fit)
    throw Error(ErrorKind::internal, "feature maps do not fit a convolution", "", "");
}

void Convolution::forward(const FeatureMap& in, FeatureMap& out, Activation activation,
                          const FeatureMap* residual) const {
  const ConvJob job{.in = &in, .out = &out, .residual = residual};
  forward(std::span(&job, 1), activation);
}

void Convolution::forward(std::span<const ConvJob> jobs, Activation activation) const {
  if (jobs.empty()) return;
  for (const ConvJob& job : jobs) check(job);
  const FeatureMap& first = *jobs.front().out;
  for (const ConvJob& job : jobs)
    if (job.out->height() != first.height() || job.out->width() != first.width())
      throw Error(ErrorKind::internal, "images of several sizes in one convolution", "", "");
  const std::int64_t panels = (padded_out() + kPanelWidth - 1) / kPanelWidth, height = first.height();
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

void Convolution::run_row(const KernelBranch& kernels, std::int64_t panel, std::int64_t y, const ConvJob& job,
                          Activation activation) const {
  FeatureMap& out = *job.out;
  alignas(64) float tile[kTilePixels * kPanelWidth];
  const std::int64_t first = panel * kPanelWidth;
  const int width = width_of(panel);
  const int columns = static_cast<int>(std::min<std::int64_t>(kPanelWidth, shape_.out_channels - first));
  Epilogue epilogue;
  if (scales()) epilogue.scale = scales() + first;
  epilogue.bias = bias_.data() + first;
  epilogue.activation = activation;
  // Parts of equal width, so that the last one is not narrow.
  const std::int64_t most = width == 32 ? kNarrowPixels : kTilePixels;
  const std::int64_t parts = (out.width() + most - 1) / most;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t x = out.width() * part / parts;
    const int pixels = static_cast<int>(out.width() * (part + 1) / parts - x);
    product(kernels, panel, job, y, x, pixels, tile);
    if (job.residual) {
      epilogue.residual = job.residual->at(y, x) + first;
      epilogue.residual_stride = out.channels();
    }
    if (job.out_bytes) {
      epilogue.bytes = job.out_bytes->at(y, x) + first;
      epilogue.bytes_stride = out.channels();
      epilogue.inverse = 1 / job.out_scale;
      epilogue.highest = static_cast<float>(kernels.highest_byte);
    }
    kernels.finish(tile, pixels, width, epilogue, out.at(y, x) + first, out.channels(), columns);
  }
}

}  // namespace dynexec
