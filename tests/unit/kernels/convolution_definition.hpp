// What a convolution is, in doubles, for maps of any values.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/convolution.hpp"

namespace dynexec {

struct ConvCase {
  ConvShape shape;
  std::int64_t height, width;  // of the input
};

// Of output channel o at (y, x), without bias. weight [out, in, kernel, kernel].
template <class Value>
double convolved(const ConvCase& c, const PixelMap<Value>& in, const std::vector<float>& weight, std::int64_t y,
                 std::int64_t x, std::int64_t o) {
  const ConvShape& s = c.shape;
  double sum = 0;
  for (std::int64_t i = 0; i < s.in_channels; ++i)
    for (std::int64_t v = 0; v < s.kernel; ++v)
      for (std::int64_t u = 0; u < s.kernel; ++u) {
        const std::int64_t row = y * s.stride + v - s.padding, column = x * s.stride + u - s.padding;
        if (row < 0 || column < 0 || row >= c.height || column >= c.width) continue;
        sum += static_cast<double>(in.at(row, column)[i]) *
               static_cast<double>(
                   weight[static_cast<std::size_t>(((o * s.in_channels + i) * s.kernel + v) * s.kernel + u)]);
      }
  return sum;
}

}  // namespace dynexec
