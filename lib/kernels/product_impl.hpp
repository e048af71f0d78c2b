// The skinny product and its epilogue on Vec. Included after one simd_*.hpp; everything has internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/math_impl.hpp"

namespace dynexec {
namespace {

using std::int64_t;

// Rows that one group may hold: accumulators of two vectors of columns each (one with few registers) fit next to the
// weights in flight.
constexpr int kMostRows = Vec::kRegisters >= 32 ? 14 : 6;
// Rows of a group when there are more than that: several groups that read whole panels repay the narrower passes.
constexpr int kRowGroup = 6;

inline int row_groups(int rows) {
  return rows <= kMostRows ? 1 : (rows + kRowGroup - 1) / kRowGroup;
}
// Calls run(begin, end) for groups of rows of nearly the same size.
template <class Run>
void each_row_group(int rows, const Run& run) {
  const int groups = row_groups(rows);
  for (int g = 0; g < groups; ++g) run(rows * g / groups, rows * (g + 1) / groups);
}

// Steps of k after which the next group of rows or columns takes its turn, so that weights are read from
// memory once: 64 * 64 floats are half of a first-level cache.
constexpr int64_t kDepthBlock = 64;
constexpr int kLineFloats = 16;

struct Operands {
  const float* x;
  int64_t ldx;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
};

// MR rows, NV vectors of columns, all accumulators in registers. kLines cache lines from `ahead` on are
// fetched a step: the share of the next block that this call has to bring in.
template <int MR, int NV, int kLines>
inline void product_block(const Operands& o, int64_t depth, bool accumulate, const float* ahead) {
  Vec acc[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) {
      acc[r][v] = accumulate ? load(o.c + r * o.ldc + v * Vec::kLanes) : broadcast(0.0f);
    }
  }
  const float* x = o.x;
  const float* b = o.b;
  const int64_t ldx = o.ldx, ldb = o.ldb;
  for (int64_t k = 0; k < depth; ++k) {
    Vec w[NV];
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) w[v] = load(b + v * Vec::kLanes);
    b += ldb;
#pragma GCC unroll 2
    for (int line = 0; line < kLines; ++line) prefetch(ahead + (k * kLines + line) * kLineFloats);
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r) {
      const Vec s = broadcast(x[r * ldx + k]);
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) acc[r][v] = fma(s, w[v], acc[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) store(o.c + r * o.ldc + v * Vec::kLanes, acc[r][v]);
  }
}

// Vectors of columns that MR rows can hold: accumulators, weights and one broadcast within the registers.
template <int MR>
constexpr int widest() {
  for (int nv = kPanelWidth / Vec::kLanes > 8 ? 8 : kPanelWidth / Vec::kLanes; nv > 1; nv /= 2) {
    if ((MR + 1) * nv + 1 <= Vec::kRegisters) return nv;
  }
  return 1;
}

// The next block of weights, in memory right behind the present one, and how far it has been asked for.
struct Ahead {
  const float* next;
  const float* end;
  int lines;  // a step and call: 0, 1 or 2
};

template <int MR, int NV>
inline void product_columns(Operands o, int64_t depth, int width, bool accumulate, Ahead& ahead) {
  for (; width >= NV * Vec::kLanes; width -= NV * Vec::kLanes) {
    const int lines = ahead.next < ahead.end ? ahead.lines : 0;
    switch (lines) {
      case 0:
        product_block<MR, NV, 0>(o, depth, accumulate, nullptr);
        break;
      case 1:
        product_block<MR, NV, 1>(o, depth, accumulate, ahead.next);
        break;
      default:
        product_block<MR, NV, 2>(o, depth, accumulate, ahead.next);
        break;
    }
    ahead.next += lines * depth * kLineFloats;
    o.b += NV * Vec::kLanes;
    o.c += NV * Vec::kLanes;
  }
  if constexpr (NV > 1) {
    if (width > 0) product_columns<MR, NV / 2>(o, depth, width, accumulate, ahead);
  }
}

template <int MR>
void product_group(const Operands& o, int rows, int64_t depth, int width, bool accumulate, Ahead& ahead) {
  if constexpr (MR > 1) {
    if (rows < MR) return product_group<MR - 1>(o, rows, depth, width, accumulate, ahead);
  }
  product_columns<MR, widest<MR>()>(o, depth, width, accumulate, ahead);
}

template <int MR>
constexpr int column_passes(int rows, int width) {
  if constexpr (MR > 1) {
    if (rows < MR) return column_passes<MR - 1>(rows, width);
  }
  constexpr int columns = widest<MR>() * Vec::kLanes;
  return (width + columns - 1) / columns;
}

void product(const float* x, int64_t ldx, int rows, const float* b, int64_t ldb, int64_t depth, int width, float* c,
             int64_t ldc, bool accumulate) {
  const int groups = row_groups(rows);
  const int passes = groups * column_passes<kMostRows>((rows + groups - 1) / groups, width);
  // One pass over the weights streams by itself; several share a block through the first-level cache, and
  // fetch the next one meanwhile.
  const int64_t block = passes == 1 ? depth : kDepthBlock;
  const bool stream = passes > 1 && ldb == width;
  const int lines = stream ? (width / kLineFloats + passes - 1) / passes : 0;
  int64_t k = 0;
  do {
    const int64_t steps = depth - k < block ? depth - k : block;
    const float* next = b + (k + steps) * ldb;
    Ahead ahead{next, next + kDepthBlock * ldb, lines};
    each_row_group(rows, [&](int begin, int end) {
      const Operands operands{x + begin * ldx + k, ldx, b + k * ldb, ldb, c + begin * ldc, ldc};
      product_group<kMostRows>(operands, end - begin, steps, width, accumulate || k > 0, ahead);
    });
    k += steps;
  } while (k < depth);
}

// The first n lanes as whole numbers from 0 to highest.
inline void store_codes(std::uint8_t* p, Vec value, float inverse, float highest, int n) {
  const Vec code = round_nearest(max(min(mul(value, broadcast(inverse)), broadcast(highest)), broadcast(0)));
  if (n >= Vec::kLanes) return store_uint8(p, code);
  std::uint8_t last[Vec::kLanes];
  store_uint8(last, code);
  for (int i = 0; i < n; ++i) p[i] = last[i];
}

template <Activation A>
void finish_as(const float* tile, int rows, int width, const Epilogue& epilogue, float* y, int64_t ldy, int columns) {
  const int second = width / 2;  // offset of the gated factors
  for (int r = 0; r < rows; ++r) {
    const float* row = tile + r * kPanelWidth;
    float* out = y + r * ldy;
    for (int j = 0; j < columns; j += Vec::kLanes) {
      Vec value = load(row + j);
      if (epilogue.scale) value = mul(value, load(epilogue.scale + j));
      if (epilogue.bias) value = add(value, load(epilogue.bias + j));
      if (epilogue.residual) {
        const float* more = epilogue.residual + r * epilogue.residual_stride + j;
        const int left = columns - j;
        value = add(value, left >= Vec::kLanes ? load(more) : load_first(more, left));
      }
      value = activate<A>(value);
      if (epilogue.gated) {
        Vec factor = load(row + second + j);
        if (epilogue.scale) factor = mul(factor, load(epilogue.scale + second + j));
        if (epilogue.bias) factor = add(factor, load(epilogue.bias + second + j));
        value = mul(value, factor);
      }
      const int left = columns - j;
      if (epilogue.bytes)
        store_codes(epilogue.bytes + r * epilogue.bytes_stride + j, value, epilogue.inverse, epilogue.highest, left);
      if (left >= Vec::kLanes) {
        store(out + j, epilogue.add ? add(load(out + j), value) : value);
      } else {
        store_first(out + j, epilogue.add ? add(load_first(out + j, left), value) : value, left);
      }
    }
  }
}

void finish(const float* tile, int rows, int width, const Epilogue& epilogue, float* y, int64_t ldy, int columns) {
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
    case Activation::tanh:
      return finish_as<Activation::tanh>(tile, rows, width, epilogue, y, ldy, columns);
  }
}

}  // namespace
}  // namespace dynexec
