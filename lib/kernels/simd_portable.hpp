// Vec on the compiler's generic vectors of four floats: every target. Included by one translation unit.
#pragma once

#include <cstdint>

namespace dynexec {
namespace {

typedef float Float4 __attribute__((vector_size(16)));
typedef std::int32_t Int4 __attribute__((vector_size(16)));

struct Vec {
  static constexpr int kLanes = 4;
  static constexpr int kRegisters = 16;
  Float4 v;
};

inline Vec load(const float* p) {
  Vec a;
  __builtin_memcpy(&a.v, p, sizeof a.v);
  return a;
}
inline void store(float* p, Vec a) {
  __builtin_memcpy(p, &a.v, sizeof a.v);
}
inline Vec load_first(const float* p, int n) {
  Vec a{Float4{0, 0, 0, 0}};
  for (int i = 0; i < n; ++i) a.v[i] = p[i];
  return a;
}
inline void store_first(float* p, Vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
}
// bf16: the upper half of an fp32; stores round to nearest, ties to even.
inline Vec load_bf16(const std::uint16_t* p) {
  Int4 bits;
  for (int i = 0; i < Vec::kLanes; ++i) bits[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(p[i]) << 16);
  return {(Float4)bits};
}
inline void store_bf16(std::uint16_t* p, Vec a) {
  const Int4 bits = (Int4)a.v;
  for (int i = 0; i < Vec::kLanes; ++i) {
    const auto whole = static_cast<std::uint32_t>(bits[i]);
    p[i] = static_cast<std::uint16_t>((whole + 0x7fffu + ((whole >> 16) & 1u)) >> 16);
  }
}
// The first and the second ones of pairs of bf16, a pair a lane.
inline Vec load_even_bf16(const std::uint16_t* p) {
  const std::uint16_t first[] = {p[0], p[2], p[4], p[6]};
  return load_bf16(first);
}
inline Vec load_odd_bf16(const std::uint16_t* p) {
  return load_even_bf16(p + 1);
}
inline Vec load_fp16(const std::uint16_t* p) {
  Vec a;
  for (int i = 0; i < Vec::kLanes; ++i) {
    // The exponent is rebased by 127 - 15; numbers below 2^-14 get an implicit one, which is taken away again.
    const std::uint32_t half = p[i], magnitude = (half & 0x7fffu) << 13;
    const bool tiny = magnitude < (1u << 23), special = magnitude >= (31u << 23);
    const std::uint32_t bits = magnitude + ((tiny ? 113u : special ? 224u : 112u) << 23);
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    if (tiny) value -= 6.103515625e-05f;
    a.v[i] = (half & 0x8000u) != 0 ? -value : value;
  }
  return a;
}
inline Vec load_int8(const std::int8_t* p) {
  return {
      Float4{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]), static_cast<float>(p[3])}};
}
// Bytes of two numbers from 0 to 15 each.
struct Nibbles {
  Int4 v;
};
inline Nibbles load_nibbles(const std::uint8_t* p) {
  return {Int4{p[0], p[1], p[2], p[3]}};
}
inline Vec low(Nibbles a) {
  return {__builtin_convertvector(a.v & 15, Float4)};
}
inline Vec high(Nibbles a) {
  return {__builtin_convertvector(a.v >> 4, Float4)};
}
// Integer lanes, and the whole numbers that products of bytes are made of.
struct IntVec {
  Int4 v;
};
inline IntVec zero_integers() {
  return {Int4{0, 0, 0, 0}};
}
inline Vec to_floats(IntVec a) {
  return {__builtin_convertvector(a.v, Float4)};
}
// Four bytes a lane.
struct ByteVec {
  std::uint8_t v[16];
};
inline ByteVec load_bytes(const std::uint8_t* p) {
  ByteVec a;
  __builtin_memcpy(a.v, p, sizeof a.v);
  return a;
}
inline ByteVec low_nibbles(ByteVec a) {
  for (std::uint8_t& byte : a.v) byte = static_cast<std::uint8_t>(byte & 15u);
  return a;
}
inline ByteVec high_nibbles(ByteVec a) {
  for (std::uint8_t& byte : a.v) byte = static_cast<std::uint8_t>(byte >> 4u);
  return a;
}
inline const std::int8_t* broadcast_bytes(const std::int8_t* p) {
  return p;
}
inline const std::uint8_t* broadcast_bytes(const std::uint8_t* p) {
  return p;
}
// acc + the sum of four products a lane. weights 0 to 255, less 128 where they stand for int8; dot_pixels: weights from
// -127 to 127, x from 0 to kHighestByte.
inline constexpr int kWeightOffset = 128, kHighestByte = 255;
inline IntVec dot_pixels(IntVec acc, const ByteVec& weights, const std::uint8_t* x) {
  for (int i = 0; i < 16; ++i)
    acc.v[i / 4] += static_cast<std::int8_t>(weights.v[i]) * static_cast<std::int32_t>(x[i % 4]);
  return acc;
}
inline IntVec dot_int4(IntVec acc, const ByteVec& weights, const std::int8_t* x) {
  for (int i = 0; i < 16; ++i) acc.v[i / 4] += static_cast<std::int32_t>(weights.v[i]) * x[i % 4];
  return acc;
}
inline IntVec dot_int8(IntVec acc, const ByteVec& weights, const std::int8_t* x) {
  return dot_int4(acc, weights, x);
}
// Whole numbers from -127 to 127.
inline void store_int8(std::int8_t* p, Vec a) {
  for (int i = 0; i < Vec::kLanes; ++i) p[i] = static_cast<std::int8_t>(a.v[i]);
}
// Whole numbers from 0 to 255.
inline void store_uint8(std::uint8_t* p, Vec a) {
  for (int i = 0; i < Vec::kLanes; ++i) p[i] = static_cast<std::uint8_t>(a.v[i]);
}
inline Vec broadcast(float a) {
  return {Float4{a, a, a, a}};
}
inline Vec add(Vec a, Vec b) {
  return {a.v + b.v};
}
inline Vec sub(Vec a, Vec b) {
  return {a.v - b.v};
}
inline Vec mul(Vec a, Vec b) {
  return {a.v * b.v};
}
inline Vec div(Vec a, Vec b) {
  return {a.v / b.v};
}
// Multiply and add with two roundings: a fused operation in software would be a hundred times slower.
inline Vec fma(Vec a, Vec b, Vec c) {
  return {a.v * b.v + c.v};
}
inline Vec blend(Int4 mask, Float4 yes, Float4 no) {
  return {(Float4)((mask & (Int4)yes) | (~mask & (Int4)no))};
}
// Where a or b is NaN the result is b: bounds go first, data second.
inline Vec min(Vec a, Vec b) {
  return blend((Int4)(a.v < b.v), a.v, b.v);
}
inline Vec max(Vec a, Vec b) {
  return blend((Int4)(a.v > b.v), a.v, b.v);
}
// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer for |a| < 2^22.
inline Vec round_nearest(Vec a) {
  const Float4 magic = {12582912.0f, 12582912.0f, 12582912.0f, 12582912.0f};
  return {(a.v + magic) - magic};
}
// a * 2^n for integral n in [-126, 128]: two factors, since 2^128 has no float of its own
inline Vec scale_by_power(Vec a, Vec n) {
  const Float4 bounded = blend((Int4)(n.v == n.v), n.v, Float4{0, 0, 0, 0}).v;  // NaN has no integer
  const Int4 whole = __builtin_convertvector(bounded, Int4);
  const Int4 half = whole >> 1;
  const Int4 rest = whole - half;
  const Float4 first = (Float4)((half + 127) << 23);
  const Float4 second = (Float4)((rest + 127) << 23);
  return {a.v * first * second};
}
// a < b ? yes : no, per lane
inline Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return blend((Int4)(a.v < b.v), yes.v, no.v);
}
inline Vec absolute(Vec a) {
  return {(Float4)((Int4)a.v & Int4{0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff})};
}
// The first n lanes of a, `other` elsewhere.
inline Vec keep_first(Vec a, int n, Vec other) {
  return blend(Int4{0, 1, 2, 3} < n, a.v, other.v);
}

inline float sum_lanes(Vec a) {
  return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
}
inline float max_lanes(Vec a) {
  const float x = a.v[0] > a.v[2] ? a.v[0] : a.v[2];
  const float y = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
  return x > y ? x : y;
}
// Into the second-level cache: its queue of outstanding lines is longer than the first level's.
inline void prefetch(const float* p) {
  __builtin_prefetch(p, 0, 2);
}

}  // namespace
}  // namespace dynexec
