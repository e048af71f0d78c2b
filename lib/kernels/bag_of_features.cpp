#include "kernels/bag_of_features.hpp"

#include <algorithm>

#include "kernels/branch.hpp"
#include "kernels/pool2d.hpp"

namespace dynexec {

void pool_codes(const FeatureMap& scores, std::int64_t size, float slope, float shift, float* scratch, float* out) {
  const KernelBranch& kernels = kernel_branch();
  const std::int64_t words = scores.channels();
  for (std::int64_t y = 0; y < size; ++y)
    for (std::int64_t x = 0; x < size; ++x, out += words) {
      const std::int64_t top = region_begin(y, size, scores.height()), bottom = region_end(y, size, scores.height());
      const std::int64_t left = region_begin(x, size, scores.width()), right = region_end(x, size, scores.width());
      std::fill_n(out, words, 0.0f);
      for (std::int64_t v = top; v < bottom; ++v)
        kernels.add_codes(scores.at(v, left), right - left, words, slope, shift, scratch, out);
      kernels.scale(out, words, 1.0f / static_cast<float>((bottom - top) * (right - left)));
    }
}

}  // namespace dynexec
