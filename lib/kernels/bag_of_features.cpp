#include "kernels/bag_of_features.hpp"

#include <algorithm>

#include "kernels/branch.hpp"
#include "kernels/pool2d.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kWorthThreads = 8192;

}  // namespace

void pool_codes(const FeatureMap& scores, std::int64_t size, float slope, float shift, float* scratch, float* out) {
  const KernelBranch& kernels = kernel_branch();
  const std::int64_t words = scores.channels(), padded = (words + kPanelStep - 1) / kPanelStep * kPanelStep;
  const auto pool = [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t region = begin; region < end; ++region) {
      const std::int64_t y = region / size, x = region % size;
      const std::int64_t top = region_begin(y, size, scores.height()), bottom = region_end(y, size, scores.height());
      const std::int64_t left = region_begin(x, size, scores.width()), right = region_end(x, size, scores.width());
      float* const sums = out + region * words;
      std::fill_n(sums, words, 0.0f);
      for (std::int64_t v = top; v < bottom; ++v)
        kernels.add_codes(scores.at(v, left), right - left, words, slope, shift, scratch + region * padded, sums);
      kernels.scale(sums, words, 1.0f / static_cast<float>((bottom - top) * (right - left)));
    }
  };
  // Waking another thread costs as much as some thousand codes.
  const bool worth = scores.height() * scores.width() * words >= kWorthThreads;
  compute_pool().split(size * size, worth ? 1 : size * size, pool);
}

}  // namespace dynexec
