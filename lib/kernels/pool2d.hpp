// Pooling over feature maps.
#pragma once

#include "kernels/feature_map.hpp"

namespace dynexec {

// The largest value of each window; windows reach over the edge by `padding`, where there is nothing. out has the size
// (in + 2 * padding - kernel) / stride + 1.
void max_pool(const FeatureMap& in, FeatureMap& out, std::int64_t kernel, std::int64_t stride, std::int64_t padding);
void max_pool(const ByteMap& in, ByteMap& out, std::int64_t kernel, std::int64_t stride, std::int64_t padding);

// Means over size x size regions as adaptive average pooling cuts them: region i of n reaches from floor(i * extent /
// n) to ceil((i + 1) * extent / n). out: [size, size, channels], dense.
void adaptive_average_pool(const FeatureMap& in, std::int64_t size, float* out);

// Region i of `size` along an extent of pixels: [begin, end).
inline std::int64_t region_begin(std::int64_t i, std::int64_t size, std::int64_t extent) {
  return i * extent / size;
}
inline std::int64_t region_end(std::int64_t i, std::int64_t size, std::int64_t extent) {
  return ((i + 1) * extent + size - 1) / size;
}

}  // namespace dynexec
