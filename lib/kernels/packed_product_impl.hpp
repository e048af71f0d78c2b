// The skinny product on weights of other formats than fp32, whose codes become fp32 in registers. Included after one
// simd_*.hpp; everything has internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/product_impl.hpp"

namespace dynexec {
namespace {

// Codes that lie side by side: kSteps steps of k of Vec::kLanes columns.
struct Bf16Codes {
  using Code = std::uint16_t;
  static constexpr int kSteps = 1;
  static Vec load(const Code* p, int) { return load_bf16(p); }
};
struct Fp16Codes {
  using Code = std::uint16_t;
  static constexpr int kSteps = 1;
  static Vec load(const Code* p, int) { return load_fp16(p); }
};
struct Int8Codes {
  using Code = std::int8_t;
  static constexpr int kSteps = 1;
  static Vec load(const Code* p, int) { return load_int8(p); }
};
struct Int4Codes {
  using Code = std::uint8_t;
  static constexpr int kSteps = 2;
  static Vec load(const Code* p, int step) { return step == 0 ? low(load_nibbles(p)) : high(load_nibbles(p)); }
};

// Some rows and columns of a panel on their way through k.
template <class Codes>
struct PackedOperands {
  const float* x;
  int64_t ldx;
  const typename Codes::Code* codes;
  int64_t width;  // codes from one step (int4: pair of steps) of k to the next
  const std::uint16_t *scales, *minima;
  const float* sums;
  int64_t groups;
  float* c;
  int64_t ldc;
};

// MR rows, NV vectors of columns, depth steps of k (or a group): c = c * carry + what they add up to.
template <class Codes, int MR, int NV>
inline void packed_block(const PackedOperands<Codes>& o, int64_t depth, bool first) {
  Vec acc[MR][NV];
  const bool carry = !o.scales && !first;
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) acc[r][v] = carry ? load(o.c + r * o.ldc + v * Vec::kLanes) : broadcast(0.0f);
  }
  const float* x = o.x;
  const auto* codes = o.codes;
  const int64_t ldx = o.ldx;
  int64_t k = 0;
  for (; k + Codes::kSteps <= depth; k += Codes::kSteps) {
#pragma GCC unroll 2
    for (int s = 0; s < Codes::kSteps; ++s) {
      // One step's weights and one row's x at a time: with more of them than that, sums would leave the registers.
      Vec w[NV];
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) w[v] = Codes::load(codes + v * Vec::kLanes, s);
#pragma GCC unroll 16
      for (int r = 0; r < MR; ++r) {
        const Vec value = broadcast(x[r * ldx + k + s]);
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) acc[r][v] = fma(value, w[v], acc[r][v]);
      }
    }
    codes += o.width;
  }
  if (k < depth) {
    for (int v = 0; v < NV; ++v) {
      const Vec w = Codes::load(codes + v * Vec::kLanes, 0);
      for (int r = 0; r < MR; ++r) acc[r][v] = fma(broadcast(x[r * ldx + k]), w, acc[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int v = 0; v < NV; ++v) {
    const int at = v * Vec::kLanes;
    const Vec scale = o.scales ? load_fp16(o.scales + at) : broadcast(0.0f);
    const Vec minimum = o.minima ? load_fp16(o.minima + at) : broadcast(0.0f);
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r) {
      float* c = o.c + r * o.ldc + at;
      Vec sum = acc[r][v];
      if (o.scales) {
        sum = first ? mul(scale, sum) : fma(scale, sum, load(c));
        if (o.minima) sum = fma(minimum, broadcast(o.sums[r * o.groups]), sum);
      }
      store(c, sum);
    }
  }
}

template <class Codes, int MR, int NV>
inline void packed_columns(PackedOperands<Codes> o, int64_t depth, int width, bool first) {
  for (; width >= NV * Vec::kLanes; width -= NV * Vec::kLanes) {
    packed_block<Codes, MR, NV>(o, depth, first);
    o.codes += NV * Vec::kLanes;
    if (o.scales) o.scales += NV * Vec::kLanes;
    if (o.minima) o.minima += NV * Vec::kLanes;
    o.c += NV * Vec::kLanes;
  }
  if constexpr (NV > 1) {
    if (width > 0) packed_columns<Codes, MR, NV / 2>(o, depth, width, first);
  }
}

template <class Codes, int MR>
void packed_rows(const PackedOperands<Codes>& o, int rows, int64_t depth, int width, bool first) {
  if constexpr (MR > 1) {
    if (rows < MR) return packed_rows<Codes, MR - 1>(o, rows, depth, width, first);
  }
  packed_columns<Codes, MR, widest<MR>()>(o, depth, width, first);
}

template <class Codes>
void packed_product(const float* x, int64_t ldx, int rows, const PackedPanel& panel, int64_t depth, int width, float* c,
                    int64_t ldc) {
  const int parts = row_groups(rows);
  const int passes = parts * column_passes<kMostRows>((rows + parts - 1) / parts, width);
  // Several passes share a block of weights through the first-level cache.
  const int64_t block = panel.group > 0 ? panel.group : passes == 1 ? depth : kDepthBlock;
  const int64_t groups = panel.group > 0 ? (depth + panel.group - 1) / panel.group : 0;
  const auto* codes = static_cast<const typename Codes::Code*>(panel.codes);
  for (int64_t k = 0, group = 0; k < depth; k += block, ++group) {
    const int64_t steps = depth - k < block ? depth - k : block;
    each_row_group(rows, [&](int begin, int end) {
      const PackedOperands<Codes> operands{.x = x + begin * ldx + k,
                                           .ldx = ldx,
                                           .codes = codes + k / Codes::kSteps * width,
                                           .width = width,
                                           .scales = panel.group > 0 ? panel.scales + group * width : nullptr,
                                           .minima = panel.minima ? panel.minima + group * width : nullptr,
                                           .sums = panel.minima ? panel.sums + begin * groups + group : nullptr,
                                           .groups = groups,
                                           .c = c + begin * ldc,
                                           .ldc = ldc};
      packed_rows<Codes, kMostRows>(operands, end - begin, steps, width, k == 0);
    });
  }
}

}  // namespace
}  // namespace dynexec
