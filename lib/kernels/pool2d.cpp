#include "kernels/pool2d.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace dynexec {

namespace {

template <class Value>
void pool(const PixelMap<Value>& in, PixelMap<Value>& out, std::int64_t kernel, std::int64_t stride,
          std::int64_t padding) {
  if (out.channels() != in.channels() || out.height() != (in.height() + 2 * padding - kernel) / stride + 1 ||
      out.width() != (in.width() + 2 * padding - kernel) / stride + 1)
    throw Error(ErrorKind::internal, "feature maps do not fit a pool", "", "");
  const std::int64_t channels = in.channels();
  for (std::int64_t y = 0; y < out.height(); ++y)
    for (std::int64_t x = 0; x < out.width(); ++x) {
      const std::int64_t top = std::max<std::int64_t>(0, y * stride - padding),
                         bottom = std::min(in.height(), y * stride - padding + kernel),
                         left = std::max<std::int64_t>(0, x * stride - padding),
                         right = std::min(in.width(), x * stride - padding + kernel);
      Value* best = out.at(y, x);
      std::copy_n(in.at(top, left), channels, best);
      for (std::int64_t v = top; v < bottom; ++v)
        for (std::int64_t u = left; u < right; ++u) {
          const Value* pixel = in.at(v, u);
          for (std::int64_t c = 0; c < channels; ++c) best[c] = std::max(best[c], pixel[c]);
        }
    }
}

}  // namespace

void max_pool(const FeatureMap& in, FeatureMap& out, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  pool(in, out, kernel, stride, padding);
}

void max_pool(const ByteMap& in, ByteMap& out, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  pool(in, out, kernel, stride, padding);
}

void adaptive_average_pool(const FeatureMap& in, std::int64_t size, float* out) {
  const std::int64_t channels = in.channels();
  for (std::int64_t y = 0; y < size; ++y)
    for (std::int64_t x = 0; x < size; ++x, out += channels) {
      const std::int64_t top = region_begin(y, size, in.height()), bottom = region_end(y, size, in.height());
      const std::int64_t left = region_begin(x, size, in.width()), right = region_end(x, size, in.width());
      std::fill_n(out, channels, 0.0f);
      for (std::int64_t v = top; v < bottom; ++v)
        for (std::int64_t u = left; u < right; ++u) {
          const float* pixel = in.at(v, u);
          for (std::int64_t c = 0; c < channels; ++c) out[c] += pixel[c];
        }
      const float share = 1.0f / static_cast<float>((bottom - top) * (right - left));
      for (std::int64_t c = 0; c < channels; ++c) out[c] *= share;
    }
}

}  // namespace dynexec
