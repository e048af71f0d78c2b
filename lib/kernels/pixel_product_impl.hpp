// The product of a convolution in whole numbers: pixels as bytes, int8 weights. Included after one simd_*.hpp;
// everything has internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/product_impl.hpp"

namespace dynexec {
namespace {

// MR pixels, NV vectors of columns, all sums in registers over the whole kernel.
template <int MR, int NV>
inline void pixel_block(const PixelBytes& in, const std::uint8_t* weight, int64_t width, float* c, int64_t ldc) {
  IntVec acc[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) acc[r][v] = zero_integers();
  }
  for (int row = 0; row < in.rows; ++row) {
    const std::uint8_t* x = in.x + row * in.row;
    for (int64_t k = 0; k < in.depth; k += 4) {
      decltype(load_bytes(nullptr)) w[NV];
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) w[v] = load_bytes(weight + v * Vec::kLanes * 4);
#pragma GCC unroll 16
      for (int r = 0; r < MR; ++r) {
        const auto four = broadcast_bytes(x + r * in.step + k);
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) acc[r][v] = dot_pixels(acc[r][v], w[v], four);
      }
      weight += width * 4;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) store(c + r * ldc + v * Vec::kLanes, to_floats(acc[r][v]));
  }
}

template <int MR, int NV>
inline void pixel_columns(const PixelBytes& in, const std::uint8_t* weight, int64_t panel_width, int width, float* c,
                          int64_t ldc) {
  for (; width >= NV * Vec::kLanes; width -= NV * Vec::kLanes) {
    pixel_block<MR, NV>(in, weight, panel_width, c, ldc);
    weight += NV * Vec::kLanes * 4;
    c += NV * Vec::kLanes;
  }
  if constexpr (NV > 1) {
    if (width > 0) pixel_columns<MR, NV / 2>(in, weight, panel_width, width, c, ldc);
  }
}

template <int MR>
void pixel_group(const PixelBytes& in, int pixels, const std::uint8_t* weight, int width, float* c, int64_t ldc) {
  if constexpr (MR > 1) {
    if (pixels < MR) return pixel_group<MR - 1>(in, pixels, weight, width, c, ldc);
  }
  pixel_columns<MR, widest<MR>()>(in, weight, width, width, c, ldc);
}

// Pixels of a group whose sums fit into the registers for all columns at once.
inline int pixels_together(int width) {
  int most = kMostRows;
  while (most > kRowGroup && (most + 1) * (width / Vec::kLanes) + 1 > Vec::kRegisters) --most;
  return most;
}

void pixel_product(const PixelBytes& in, int pixels, const std::int8_t* weight, int width, float* c, int64_t ldc) {
  const int most = pixels_together(width), groups = (pixels + most - 1) / most;
  for (int g = 0; g < groups; ++g) {
    const int begin = pixels * g / groups, end = pixels * (g + 1) / groups;
    PixelBytes here = in;
    here.x += begin * in.step;
    pixel_group<kMostRows>(here, end - begin, reinterpret_cast<const std::uint8_t*>(weight), width, c + begin * ldc,
                           ldc);
  }
}

}  // namespace
}  // namespace dynexec
