// The skinny product and its epilogue on Vec. Included after one simd_*.hpp; everything has internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/math_impl.hpp"

namespace dynexec {
namespace {

using std::int64_t;

// Rows whose accumulators fit the registers next to the weights in flight.
constexpr int kRowGroup = 6;
// Steps of k after which the next row group takes its turn, so that weights are read from memory once: 64 *
// 64 floats are half of a first-level cache.
constexpr int64_t kDepthBlock = 64;

// MR rows, NV vectors of columns, all accumulators in registers.
template <int MR, int NV>
inline void product_block(const float* x, int64_t ldx, const float* b, int64_t ldb, int64_t depth, float* c,
                          int64_t ldc, bool accumulate) {
  Vec acc[MR][NV];
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      acc[r][v] = accumulate ? load(c + r * ldc + v * Vec::kLanes) : broadcast(0.0f);
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec w[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) w[v] = load(b + v * Vec::kLanes);
    b += ldb;
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r) {
      const Vec s = broadcast(x[r * ldx + k]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] = fma(s, w[v], acc[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) store(c + r * ldc + v * Vec::kLanes, acc[r][v]);
  }
}

// Vectors of columns that MR rows can hold: accumulators, weights and one broadcast within the registers.
template <int MR>
constexpr int widest() {
  for (int nv = 64 / Vec::kLanes > 8 ? 8 : 64 / Vec::kLanes; nv > 1; nv /= 2) {
    if ((MR + 1) * nv + 1 <= Vec::kRegisters) return nv;
  }
  return 1;
}

template <int MR, int NV>
inline void product_columns(const float* x, int64_t ldx, const float* b, int64_t ldb, int64_t depth,
                            int width, float* c, int64_t ldc, bool accumulate) {
  int j = 0;
  for (; j + NV * Vec::kLanes <= width; j += NV * Vec::kLanes) {
    product_block<MR, NV>(x, ldx, b + j, ldb, depth, c + j, ldc, accumulate);
  }
  if constexpr (NV > 1) {
    if (j < width) product_columns<MR, NV / 2>(x, ldx, b + j, ldb, depth, width - j, c + j, ldc, accumulate);
  }
}

template <int MR>
void product_rows(const float* x, int64_t ldx, const float* b, int64_t ldb, int64_t depth, int width,
                  float* c, int64_t ldc, bool accumulate) {
  constexpr int nv = widest<MR>();
  // Several passes over the columns share one block of weights through the first-level cache.
  const int64_t block = width <= nv * Vec::kLanes ? depth : kDepthBlock;
  int64_t k = 0;
  do {
    const int64_t steps = depth - k < block ? depth - k : block;
    product_columns<MR, nv>(x + k, ldx, b + k * ldb, ldb, steps, width, c, ldc, accumulate || k > 0);
    k += steps;
  } while (k < depth);
}

void product_group(const float* x, int64_t ldx, int rows, const float* b, int64_t ldb, int64_t depth,
                   int width, float* c, int64_t ldc, bool accumulate) {
  switch (rows) {
    case 1:
      return product_rows<1>(x, ldx, b, ldb, depth, width, c, ldc, accumulate);
    case 2:
      return product_rows<2>(x, ldx, b, ldb, depth, width, c, ldc, accumulate);
    case 3:
      return product_rows<3>(x, ldx, b, ldb, depth, width, c, ldc, accumulate);
    case 4:
      return product_rows<4>(x, ldx, b, ldb, depth, width, c, ldc, accumulate);
    case 5:
      return product_rows<5>(x, ldx, b, ldb, depth, width, c, ldc, accumulate);
    default:
      return product_rows<6>(x, ldx, b, ldb, depth, width, c, ldc, accumulate);
  }
}

void product(const float* x, int64_t ldx, int rows, const float* b, int64_t ldb, int64_t depth, int width,
             float* c, int64_t ldc, bool accumulate) {
  if (rows <= kRowGroup) return product_group(x, ldx, rows, b, ldb, depth, width, c, ldc, accumulate);
  const int groups = (rows + kRowGroup - 1) / kRowGroup;
  int64_t k = 0;
  do {
    const int64_t steps = depth - k < kDepthBlock ? depth - k : kDepthBlock;
    for (int g = 0; g < groups; ++g) {
      const int begin = rows * g / groups, end = rows * (g + 1) / groups;
      product_group(x + begin * ldx + k, ldx, end - begin, b + k * ldb, ldb, steps, width, c + begin * ldc,
                    ldc, accumulate || k > 0);
    }
    k += steps;
  } while (k < depth);
}

template <Activation A>
void finish_as(const float* tile, int rows, int width, const Epilogue& epilogue, float* y, int64_t ldy,
               int columns) {
  const int second = width / 2;  // offset of the gated factors
  for (int r = 0; r < rows; ++r) {
    const float* row = tile + r * kPanelWidth;
    float* out = y + r * ldy;
    for (int j = 0; j < columns; j += Vec::kLanes) {
      Vec value = load(row + j);
      if (epilogue.bias) value = add(value, load(epilogue.bias + j));
      value = activate<A>(value);
      if (epilogue.gated) {
        Vec factor = load(row + second + j);
        if (epilogue.bias) factor = add(factor, load(epilogue.bias + second + j));
        value = mul(value, factor);
      }
      const int left = columns - j;
      if (left >= Vec::kLanes) {
        store(out + j, epilogue.add ? add(load(out + j), value) : value);
      } else {
        store_first(out + j, epilogue.add ? add(load_first(out + j, left), value) : value, left);
      }
    }
  }
}

void finish(const float* tile, int rows, int width, const Epilogue& epilogue, float* y, int64_t ldy,
            int columns) {
  switch (epilogue.activation) {
    case Activation::none:
      return finish_as<Activation::none>(tile, rows, width, epilogue, y, ldy, columns);
    case Activation::silu:
      return finish_as<Activation::silu>(tile, rows, width, epilogue, y, ldy, columns);
    case Activation::gelu:
      return finish_as<Activation::gelu>(tile, rows, width, epilogue, y, ldy, columns);
    case Activation::gelu_tanh:
      return finish_as<Activation::gelu_tanh>(tile, rows, width, epilogue, y, ldy, columns);
    case Activation::relu:
      return finish_as<Activation::relu>(tile, rows, width, epilogue, y, ldy, columns);
  }
}

}  // namespace
}  // namespace dynexec
