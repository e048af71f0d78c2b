// Vec for AVX2 with FMA. Included by one translation unit; everything has internal linkage.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace dynexec {
namespace {

struct Vec {
  static constexpr int kLanes = 8;
  static constexpr int kRegisters = 16;
  __m256 v;
};

inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Vec load(const float* p) {
  return {_mm256_loadu_ps(p)};
}
inline void store(float* p, Vec a) {
  _mm256_storeu_ps(p, a.v);
}
inline Vec load_first(const float* p, int n) {
  return {_mm256_maskload_ps(p, first_lanes(n))};
}
inline void store_first(float* p, Vec a, int n) {
  _mm256_maskstore_ps(p, first_lanes(n), a.v);
}
// bf16: the upper half of an fp32; stores round to nearest, ties to even.
inline Vec load_bf16(const std::uint16_t* p) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16))};
}
inline void store_bf16(std::uint16_t* p, Vec a) {
  const __m256i bits = _mm256_castps_si256(a.v), one = _mm256_set1_epi32(1), half = _mm256_set1_epi32(0x7fff);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, half)), 16);
  // Packs within each half of the register.
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded, rounded), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
// The first and the second ones of pairs of bf16, a pair a lane.
inline Vec load_even_bf16(const std::uint16_t* p) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16))};
}
inline Vec load_odd_bf16(const std::uint16_t* p) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)))};
}
inline Vec load_fp16(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline Vec load_int8(const std::int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
// Bytes of two numbers from 0 to 15 each.
struct Nibbles {
  __m256i v;
};
inline Nibbles load_nibbles(const std::uint8_t* p) {
  return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
}
inline Vec low(Nibbles a) {
  return {_mm256_cvtepi32_ps(_mm256_and_si256(a.v, _mm256_set1_epi32(15)))};
}
inline Vec high(Nibbles a) {
  return {_mm256_cvtepi32_ps(_mm256_srli_epi32(a.v, 4))};
}
// Integer lanes, and the whole numbers that products of bytes are made of.
struct IntVec {
  __m256i v;
};
inline IntVec zero_integers() {
  return {_mm256_setzero_si256()};
}
inline Vec to_floats(IntVec a) {
  return {_mm256_cvtepi32_ps(a.v)};
}
// Four bytes a lane.
inline IntVec load_bytes(const std::uint8_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
inline IntVec low_nibbles(IntVec a) {
  return {_mm256_and_si256(a.v, _mm256_set1_epi8(15))};
}
inline IntVec high_nibbles(IntVec a) {
  return {_mm256_and_si256(_mm256_srli_epi16(a.v, 4), _mm256_set1_epi8(15))};
}
inline IntVec broadcast_bytes(const std::int8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return {_mm256_set1_epi32(four)};
}
inline IntVec broadcast_bytes(const std::uint8_t* p) {
  return broadcast_bytes(reinterpret_cast<const std::int8_t*>(p));
}
// acc + the sum of four products a lane. weights 0 to 255, less 128 where they stand for int8; dot_pixels: weights from
// -127 to 127, x from 0 to kHighestByte. Pairs of products are added with saturation at 32767: 127 * 127 * 2 is below
// it, 255 * 127 * 2 is not. So the signs of x go to the weights where these are unsigned.
inline constexpr int kWeightOffset = 0, kHighestByte = 127;
inline IntVec dot_pixels(IntVec acc, IntVec weights, IntVec x) {
  const __m256i pairs = _mm256_maddubs_epi16(x.v, weights.v);
  return {_mm256_add_epi32(acc.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
}
inline IntVec dot_int8(IntVec acc, IntVec weights, IntVec x) {
  const __m256i is = _mm256_xor_si256(weights.v, _mm256_set1_epi8(-128));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x.v), _mm256_sign_epi8(is, x.v));
  return {_mm256_add_epi32(acc.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
}
inline IntVec dot_int4(IntVec acc, IntVec weights, IntVec x) {
  const __m256i pairs = _mm256_maddubs_epi16(weights.v, x.v);
  return {_mm256_add_epi32(acc.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
}
// Whole numbers from -127 to 127.
inline void store_int8(std::int8_t* p, Vec a) {
  const __m256i whole = _mm256_cvtps_epi32(a.v);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
}
// Whole numbers from 0 to 255.
inline void store_uint8(std::uint8_t* p, Vec a) {
  const __m256i whole = _mm256_cvtps_epi32(a.v);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}
inline Vec broadcast(float a) {
  return {_mm256_set1_ps(a)};
}
inline Vec add(Vec a, Vec b) {
  return {_mm256_add_ps(a.v, b.v)};
}
inline Vec sub(Vec a, Vec b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
inline Vec mul(Vec a, Vec b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
inline Vec div(Vec a, Vec b) {
  return {_mm256_div_ps(a.v, b.v)};
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
// Where a or b is NaN the result is b: bounds go first, data second.
inline Vec min(Vec a, Vec b) {
  return {_mm256_min_ps(a.v, b.v)};
}
inline Vec max(Vec a, Vec b) {
  return {_mm256_max_ps(a.v, b.v)};
}
inline Vec round_nearest(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a * 2^n for integral n in [-126, 128]: two factors, since 2^128 has no float of its own
inline Vec scale_by_power(Vec a, Vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n.v);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const __m256i rest = _mm256_sub_epi32(whole, half);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256 first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  const __m256 second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
  return {_mm256_mul_ps(_mm256_mul_ps(a.v, first), second)};
}
// a < b ? yes : no, per lane
inline Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
}
inline Vec absolute(Vec a) {
  return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)};
}
// The first n lanes of a, `other` elsewhere.
inline Vec keep_first(Vec a, int n, Vec other) {
  return {_mm256_blendv_ps(other.v, a.v, _mm256_castsi256_ps(first_lanes(n)))};
}

inline float sum_lanes(Vec a) {
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
inline float max_lanes(Vec a) {
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}

// Into the second-level cache: its queue of outstanding lines is longer than the first level's.
inline void prefetch(const float* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

}  // namespace
}  // namespace dynexec
