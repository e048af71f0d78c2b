// The skinny product in whole numbers: int8 rows, int8 or int4 weights. Included after one simd_*.hpp; everything has
// internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/product_impl.hpp"

namespace dynexec {
namespace {

using WeightBytes = decltype(load_bytes(nullptr));
using RowBytes = decltype(broadcast_bytes(static_cast<const std::int8_t*>(nullptr)));

// One vector of weight bytes: kParts times four steps of k of Vec::kLanes columns.
struct Bytes8 {
  static constexpr int kParts = 1;
  static constexpr bool kSigned = true;
  static WeightBytes part(const std::uint8_t* p, int) { return load_bytes(p); }
  static IntVec dot(IntVec acc, const WeightBytes& weights, RowBytes x) { return dot_int8(acc, weights, x); }
};
struct Bytes4 {
  static constexpr int kParts = 2;
  static constexpr bool kSigned = false;
  static WeightBytes part(const std::uint8_t* p, int i) {
    return i == 0 ? low_nibbles(load_bytes(p)) : high_nibbles(load_bytes(p));
  }
  static IntVec dot(IntVec acc, const WeightBytes& weights, RowBytes x) { return dot_int4(acc, weights, x); }
};

struct IntegerOperands {
  const std::int8_t* x;
  int64_t stride;
  const float* x_scales;
  const std::int32_t* x_sums;
  int64_t groups;  // of x
  const std::uint8_t* codes;
  int64_t width;
  const std::uint16_t *scales, *minima;
  float* c;
  int64_t ldc;
};

// MR rows, NV vectors of columns, one group: c (+)= x_scale * (scale * sum of products + minimum * sum of x).
template <class Bytes, int MR, int NV>
inline void integer_block(const IntegerOperands& o, int64_t depth, bool first) {
  IntVec acc[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) acc[r][v] = zero_integers();
  }
  const std::uint8_t* codes = o.codes;
  const std::int8_t* x = o.x;
  // One part's weights and one row's x at a time: with more of them than that, sums would leave the registers.
  for (int64_t k = 0; k < depth; k += Bytes::kParts * 4) {
#pragma GCC unroll 2
    for (int part = 0; part < Bytes::kParts; ++part) {
      WeightBytes w[NV];
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) w[v] = Bytes::part(codes + v * Vec::kLanes * 4, part);
#pragma GCC unroll 16
      for (int r = 0; r < MR; ++r) {
        const RowBytes four = broadcast_bytes(x + r * o.stride + k + part * 4);
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) acc[r][v] = Bytes::dot(acc[r][v], w[v], four);
      }
    }
    codes += o.width * 4;
  }
  Vec sums[MR][NV];  // whole numbers below 2^24: exact
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) sums[r][v] = to_floats(acc[r][v]);
  }
#pragma GCC unroll 16
  for (int v = 0; v < NV; ++v) {
    const int at = v * Vec::kLanes;
    const Vec scale = o.scales ? load_fp16(o.scales + at) : broadcast(1);
    const Vec minimum = o.minima ? load_fp16(o.minima + at) : broadcast(0);
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r) {
      const auto x_sum = static_cast<float>(o.x_sums[r * o.groups]);
      Vec sum = sums[r][v];
      if constexpr (Bytes::kSigned && kWeightOffset != 0)
        sum = add(sum, broadcast(static_cast<float>(-kWeightOffset) * x_sum));
      if (o.scales) sum = mul(sum, scale);
      if (o.minima) sum = fma(minimum, broadcast(x_sum), sum);
      const Vec x_scale = broadcast(o.x_scales[r * o.groups]);
      float* c = o.c + r * o.ldc + at;
      store(c, first ? mul(sum, x_scale) : fma(sum, x_scale, load(c)));
    }
  }
}

template <class Bytes, int MR, int NV>
inline void integer_columns(IntegerOperands o, int64_t depth, int width, bool first) {
  for (; width >= NV * Vec::kLanes; width -= NV * Vec::kLanes) {
    integer_block<Bytes, MR, NV>(o, depth, first);
    o.codes += NV * Vec::kLanes * 4;
    if (o.scales) o.scales += NV * Vec::kLanes;
    if (o.minima) o.minima += NV * Vec::kLanes;
    o.c += NV * Vec::kLanes;
  }
  if constexpr (NV > 1) {
    if (width > 0) integer_columns<Bytes, MR, NV / 2>(o, depth, width, first);
  }
}

template <class Bytes, int MR>
void integer_rows(const IntegerOperands& o, int rows, int64_t depth, int width, bool first) {
  if constexpr (MR > 1) {
    if (rows < MR) return integer_rows<Bytes, MR - 1>(o, rows, depth, width, first);
  }
  integer_columns<Bytes, MR, widest<MR>()>(o, depth, width, first);
}

template <class Bytes>
void integer_product(const IntegerRows& x, int rows, const PackedPanel& panel, int64_t depth, int width, float* c,
                     int64_t ldc) {
  const int64_t groups = (depth + x.group - 1) / x.group;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t k = group * x.group, steps = depth - k < x.group ? depth - k : x.group;
    each_row_group(rows, [&](int begin, int end) {
      const IntegerOperands operands{.x = x.codes + begin * x.stride + k,
                                     .stride = x.stride,
                                     .x_scales = x.scales + begin * groups + group,
                                     .x_sums = x.sums + begin * groups + group,
                                     .groups = groups,
                                     .codes = static_cast<const std::uint8_t*>(panel.codes) + k / Bytes::kParts * width,
                                     .width = width,
                                     .scales = panel.scales ? panel.scales + group * width : nullptr,
                                     .minima = panel.minima ? panel.minima + group * width : nullptr,
                                     .c = c + begin * ldc,
                                     .ldc = ldc};
      integer_rows<Bytes, kMostRows>(operands, end - begin, steps, width, group == 0);
    });
  }
}

void round_bytes(const float* x, int64_t places, int64_t channels, const float* inverse, float zero, float highest,
                 std::uint8_t* codes) {
  const Vec shift = broadcast(zero), top = broadcast(highest), bottom = broadcast(0);
  for (int64_t p = 0; p < places; ++p, x += channels, codes += channels) {
    for (int64_t c = 0; c < channels; c += Vec::kLanes) {
      const int64_t left = channels - c;
      const bool whole = left >= Vec::kLanes;
      const int n = whole ? Vec::kLanes : static_cast<int>(left);
      const Vec part = whole ? load(x + c) : load_first(x + c, n);
      const Vec scale = whole ? load(inverse + c) : load_first(inverse + c, n);
      const Vec rounded = round_nearest(max(min(add(mul(part, scale), shift), top), bottom));
      if (whole) {
        store_uint8(codes + c, rounded);
        continue;
      }
      std::uint8_t last[Vec::kLanes];
      store_uint8(last, rounded);
      for (int i = 0; i < n; ++i) codes[c + i] = last[i];
    }
  }
}

void round_group(const float* x, int64_t size, std::int8_t* codes, float* scale, std::int32_t* sum) {
  Vec most = broadcast(0), nothing = broadcast(0);  // nothing: 0, or NaN where x is not finite
  for (int64_t i = 0; i < size; i += Vec::kLanes) {
    const auto left = size - i;
    const Vec part = left >= Vec::kLanes ? load(x + i) : load_first(x + i, static_cast<int>(left));
    most = max(most, absolute(part));
    nothing = fma(part, broadcast(0), nothing);
  }
  const float largest = max_lanes(most);
  *scale = largest / 127 + sum_lanes(nothing);
  // Of numbers so small the inverse is not finite.
  const bool known = *scale > 1e-32f;
  const Vec inverse = broadcast(known ? 127 / largest : 0);
  Vec total = broadcast(0);  // whole numbers below 2^24: exact
  for (int64_t i = 0; i < size; i += Vec::kLanes) {
    const auto left = size - i;
    const bool whole = left >= Vec::kLanes;
    const Vec part = whole ? load(x + i) : load_first(x + i, static_cast<int>(left));
    const Vec rounded = known ? round_nearest(mul(part, inverse)) : broadcast(0);
    total = add(total, rounded);
    if (whole) {
      store_int8(codes + i, rounded);
    } else {
      std::int8_t last[Vec::kLanes];
      store_int8(last, rounded);
      for (int64_t j = 0; j < left; ++j) codes[i + j] = last[j];
    }
  }
  *sum = static_cast<std::int32_t>(sum_lanes(total));
}

}  // namespace
}  // namespace dynexec
