// Vec for AVX-512F/DQ. Included by one translation unit; everything has internal linkage.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace dynexec {
namespace {

struct Vec {
  static constexpr int kLanes = 16;
  static constexpr int kRegisters = 32;
  __m512 v;
};

inline __mmask16 first_lanes(int n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}

inline Vec load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
inline void store(float* p, Vec a) {
  _mm512_storeu_ps(p, a.v);
}
inline Vec load_first(const float* p, int n) {
  return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
}
inline void store_first(float* p, Vec a, int n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), a.v);
}
// bf16: the upper half of an fp32; stores round to nearest, ties to even.
inline Vec load_bf16(const std::uint16_t* p) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
}
inline void store_bf16(std::uint16_t* p, Vec a) {
  const __m512i bits = _mm512_castps_si512(a.v), one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7fff);
  const __m512i odd = _mm512_and_epi32(_mm512_srli_epi32(bits, 16), one);
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, half)), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(rounded));
}
#if defined(__AVX512BF16__)
// Pairs of bf16, a pair a lane.
struct PairVec {
  __m512bh v;
};
inline PairVec load_pairs(const std::uint16_t* p) {
  return {(__m512bh)_mm512_loadu_si512(p)};
}
inline PairVec broadcast_pair(const std::uint16_t* p) {
  std::int32_t both;
  __builtin_memcpy(&both, p, sizeof both);
  return {(__m512bh)_mm512_set1_epi32(both)};
}
// acc + the sum of two products a lane.
inline Vec dot_pairs(Vec acc, PairVec weights, PairVec x) {
  return {_mm512_dpbf16_ps(acc.v, weights.v, x.v)};
}
#else
// The first and the second ones of pairs of bf16, a pair a lane.
inline Vec load_even_bf16(const std::uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
}
inline Vec load_odd_bf16(const std::uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_and_epi32(_mm512_loadu_si512(p), _mm512_set1_epi32(-65536)))};
}
#endif
inline Vec load_fp16(const std::uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline Vec load_int8(const std::int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
// Bytes of two numbers from 0 to 15 each.
struct Nibbles {
  __m512i v;
};
inline Nibbles load_nibbles(const std::uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
// A table of floats is looked up by the four lowest bits of each lane: no mask, no conversion.
inline __m512 nibble_values(__m512i lanes) {
  return _mm512_permutexvar_ps(lanes, _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
inline Vec low(Nibbles a) {
  return {nibble_values(a.v)};
}
inline Vec high(Nibbles a) {
  return {nibble_values(_mm512_srli_epi32(a.v, 4))};
}
// Integer lanes, and the whole numbers that products of bytes are made of.
struct IntVec {
  __m512i v;
};
inline IntVec zero_integers() {
  return {_mm512_setzero_si512()};
}
inline Vec to_floats(IntVec a) {
  return {_mm512_cvtepi32_ps(a.v)};
}
// Four bytes a lane.
inline IntVec load_bytes(const std::uint8_t* p) {
  return {_mm512_loadu_si512(p)};
}
inline IntVec low_nibbles(IntVec a) {
  return {_mm512_and_si512(a.v, _mm512_set1_epi8(15))};
}
inline IntVec high_nibbles(IntVec a) {
  return {_mm512_and_si512(_mm512_srli_epi16(a.v, 4), _mm512_set1_epi8(15))};
}
inline IntVec broadcast_bytes(const std::int8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm512_set1_epi32(four)};
}
inline IntVec broadcast_bytes(const std::uint8_t* p) {
  return broadcast_bytes(reinterpret_cast<const std::int8_t*>(p));
}
// acc + the sum of four products a lane. weights 0 to 255, less kWeightOffset where they stand for int8; dot_pixels:
// weights from -127 to 127, x from 0 to kHighestByte.
#if defined(__AVX512VNNI__)
inline constexpr int kWeightOffset = 128, kHighestByte = 255;
inline IntVec dot_pixels(IntVec acc, IntVec weights, IntVec x) {
  return {_mm512_dpbusd_epi32(acc.v, x.v, weights.v)};
}
inline IntVec dot_int8(IntVec acc, IntVec weights, IntVec x) {
  return {_mm512_dpbusd_epi32(acc.v, weights.v, x.v)};
}
inline IntVec dot_int4(IntVec acc, IntVec weights, IntVec x) {
  return {_mm512_dpbusd_epi32(acc.v, weights.v, x.v)};
}
#else
inline constexpr int kWeightOffset = 0, kHighestByte = 127;
inline IntVec dot_pixels(IntVec acc, IntVec weights, IntVec x) {
  const __m512i pairs = _mm512_maddubs_epi16(x.v, weights.v);
  return {_mm512_add_epi32(acc.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
}
// Pairs of products are added with saturation at 32767: 127 * 127 * 2 is below it, 255 * 127 * 2 is not. So the signs
// of x go to the weights.
inline IntVec dot_int8(IntVec acc, IntVec weights, IntVec x) {
  const __m512i is = _mm512_xor_si512(weights.v, _mm512_set1_epi8(-128));
  const __m512i turned = _mm512_mask_sub_epi8(is, _mm512_movepi8_mask(x.v), _mm512_setzero_si512(), is);
  const __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(x.v), turned);
  return {_mm512_add_epi32(acc.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
}
inline IntVec dot_int4(IntVec acc, IntVec weights, IntVec x) {
  const __m512i pairs = _mm512_maddubs_epi16(weights.v, x.v);
  return {_mm512_add_epi32(acc.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
}
#endif
// Whole numbers from -127 to 127.
inline void store_int8(std::int8_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
// Whole numbers from 0 to 255.
inline void store_uint8(std::uint8_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
inline Vec broadcast(float a) {
  return {_mm512_set1_ps(a)};
}
inline Vec add(Vec a, Vec b) {
  return {_mm512_add_ps(a.v, b.v)};
}
inline Vec sub(Vec a, Vec b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
inline Vec mul(Vec a, Vec b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
inline Vec div(Vec a, Vec b) {
  return {_mm512_div_ps(a.v, b.v)};
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
// Where a or b is NaN the result is b: bounds go first, data second.
inline Vec min(Vec a, Vec b) {
  return {_mm512_min_ps(a.v, b.v)};
}
inline Vec max(Vec a, Vec b) {
  return {_mm512_max_ps(a.v, b.v)};
}
inline Vec round_nearest(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a * 2^n for integral n
inline Vec scale_by_power(Vec a, Vec n) {
  return {_mm512_scalef_ps(a.v, n.v)};
}
// a < b ? yes : no, per lane
inline Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}
inline Vec absolute(Vec a) {
  return {_mm512_abs_ps(a.v)};
}
// The first n lanes of a, `other` elsewhere.
inline Vec keep_first(Vec a, int n, Vec other) {
  return {_mm512_mask_blend_ps(first_lanes(n), other.v, a.v)};
}

inline float sum_lanes(Vec a) {
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
inline float max_lanes(Vec a) {
  return _mm512_reduce_max_ps(a.v);
}

// Into the second-level cache: its queue of outstanding lines is longer than the first level's.
inline void prefetch(const float* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

}  // namespace
}  // namespace dynexec
