// The skinny product of bf16 rows with bf16 weights, two steps of k side by side. Included after one simd_*.hpp;
// everything has internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/product_impl.hpp"

namespace dynexec {
namespace {

// Vec::kLanes columns of one pair of steps, in kParts parts one after the other.
#if defined(__AVX512BF16__)
struct PairStep {
  static constexpr int kParts = 1;
  static PairVec weights(const std::uint16_t* p, int) { return load_pairs(p); }
  static PairVec input(const std::uint16_t* p, int) { return broadcast_pair(p); }
  static Vec dot(Vec acc, PairVec weights, PairVec x) { return dot_pairs(acc, weights, x); }
};
#else
// Products of bf16 are exact in fp32, and are added in the order of the instruction for pairs.
struct PairStep {
  static constexpr int kParts = 2;
  static Vec weights(const std::uint16_t* p, int part) { return part == 0 ? load_odd_bf16(p) : load_even_bf16(p); }
  static Vec input(const std::uint16_t* p, int part) {
    const std::uint32_t bits = static_cast<std::uint32_t>(p[1 - part]) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return broadcast(value);
  }
  static Vec dot(Vec acc, Vec weights, Vec x) { return fma(x, weights, acc); }
};
#endif

struct PairOperands {
  const std::uint16_t* x;
  int64_t stride;
  const std::uint16_t* codes;
  int64_t width;
  float* c;
  int64_t ldc;
};

// MR rows, NV vectors of columns, `pairs` pairs of steps.
template <int MR, int NV>
inline void pair_block(const PairOperands& o, int64_t pairs, bool first) {
  Vec acc[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) acc[r][v] = first ? broadcast(0) : load(o.c + r * o.ldc + v * Vec::kLanes);
  }
  const std::uint16_t *codes = o.codes, *x = o.x;
  for (int64_t pair = 0; pair < pairs; ++pair) {
#pragma GCC unroll 2
    for (int part = 0; part < PairStep::kParts; ++part) {
      decltype(PairStep::weights(codes, part)) w[NV];
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) w[v] = PairStep::weights(codes + v * Vec::kLanes * 2, part);
#pragma GCC unroll 16
      for (int r = 0; r < MR; ++r) {
        const auto both = PairStep::input(x + r * o.stride + pair * 2, part);
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) acc[r][v] = PairStep::dot(acc[r][v], w[v], both);
      }
    }
    codes += o.width * 2;
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) store(o.c + r * o.ldc + v * Vec::kLanes, acc[r][v]);
  }
}

template <int MR, int NV>
inline void pair_columns(PairOperands o, int64_t pairs, int width, bool first) {
  for (; width >= NV * Vec::kLanes; width -= NV * Vec::kLanes) {
    pair_block<MR, NV>(o, pairs, first);
    o.codes += NV * Vec::kLanes * 2;
    o.c += NV * Vec::kLanes;
  }
  if constexpr (NV > 1) {
    if (width > 0) pair_columns<MR, NV / 2>(o, pairs, width, first);
  }
}

template <int MR>
void pair_rows(const PairOperands& o, int rows, int64_t pairs, int width, bool first) {
  if constexpr (MR > 1) {
    if (rows < MR) return pair_rows<MR - 1>(o, rows, pairs, width, first);
  }
  pair_columns<MR, widest<MR>()>(o, pairs, width, first);
}

void pair_product(const Bf16Rows& x, int rows, const PackedPanel& panel, int64_t depth, int width, float* c,
                  int64_t ldc) {
  const int parts = row_groups(rows);
  const int passes = parts * column_passes<kMostRows>((rows + parts - 1) / parts, width);
  const int64_t pairs = (depth + 1) / 2;
  // Several passes share a block of weights through the first-level cache.
  const int64_t block = passes == 1 ? pairs : kDepthBlock;
  const auto* codes = static_cast<const std::uint16_t*>(panel.codes);
  for (int64_t pair = 0; pair < pairs; pair += block) {
    const int64_t steps = pairs - pair < block ? pairs - pair : block;
    each_row_group(rows, [&](int begin, int end) {
      const PairOperands operands{.x = x.codes + begin * x.stride + pair * 2,
                                  .stride = x.stride,
                                  .codes = codes + pair * width * 2,
                                  .width = width,
                                  .c = c + begin * ldc,
                                  .ldc = ldc};
      pair_rows<kMostRows>(operands, end - begin, steps, width, pair == 0);
    });
  }
}

void round_bf16(const float* x, int64_t size, std::uint16_t* codes) {
  for (int64_t i = 0; i < size; ++i) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    // Rounding could carry a NaN over to an infinity or to zero.
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    codes[i] = static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40u : rounded);
  }
}

}  // namespace
}  // namespace dynexec
