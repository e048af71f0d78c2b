// Loops of group normalisation with a following SiLU on Vec. Included after one simd_*.hpp; internal linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/math_impl.hpp"
#include "kernels/rows_impl.hpp"

namespace dynexec {
namespace {

inline Vec load_part(const float* p, int n) {
  return load_some(p, n);
}
inline void store_part(float* p, Vec a, int n) {
  store_some(p, a, n);
}
inline Vec load_part(const std::uint16_t* p, int n) {
  if (n == Vec::kLanes) return load_bf16(p);
  std::uint16_t lanes[Vec::kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return load_bf16(lanes);
}
inline void store_part(std::uint16_t* p, Vec a, int n) {
  if (n == Vec::kLanes) return store_bf16(p, a);
  std::uint16_t lanes[Vec::kLanes];
  store_bf16(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

inline Vec sigmoid(Vec z) {
  return divide_by_one_plus_exp(broadcast(1.0f), sub(broadcast(0.0f), z));
}

// The derivative of z * sigmoid(z).
inline Vec silu_slope(Vec z) {
  const Vec s = sigmoid(z);
  return mul(s, fma(z, sub(broadcast(1.0f), s), broadcast(1.0f)));
}

// Chains of fp32 sums are cut at so many places, as the error grows with their length.
constexpr int64_t kPlacesOfChain = 64;

template <class T>
void group_moments(const T* x, int64_t places, int64_t channels, float* sums, float* squares) {
  for_vectors(channels, [&](int64_t c, int n) {
    Vec sum = load_some(sums + c, n), square = load_some(squares + c, n);
    for (int64_t begin = 0; begin < places; begin += kPlacesOfChain) {
      const int64_t end = begin + kPlacesOfChain < places ? begin + kPlacesOfChain : places;
      Vec chain = broadcast(0.0f), square_chain = broadcast(0.0f);
      for (int64_t p = begin; p < end; ++p) {
        const Vec v = load_part(x + p * channels + c, n);
        chain = add(chain, v);
        square_chain = fma(v, v, square_chain);
      }
      sum = add(sum, chain);
      square = add(square, square_chain);
    }
    store_some(sums + c, sum, n);
    store_some(squares + c, square, n);
  });
}

template <class T>
void group_apply(const T* x, int64_t places, int64_t channels, const float* scale, const float* shift, bool silu,
                 T* out) {
  for (int64_t p = 0; p < places; ++p)
    for_vectors(channels, [&](int64_t c, int n) {
      const int64_t at = p * channels + c;
      const Vec z = fma(load_part(x + at, n), load_some(scale + c, n), load_some(shift + c, n));
      store_part(out + at, silu ? activate<Activation::silu>(z) : z, n);
    });
}

template <class T>
inline Vec gradient_at(const T* x, const T* gradient, int64_t at, int64_t c, int n, const float* scale,
                       const float* shift, bool silu) {
  const Vec g = load_part(gradient + at, n);
  if (!silu) return g;
  return mul(g, silu_slope(fma(load_part(x + at, n), load_some(scale + c, n), load_some(shift + c, n))));
}

template <class T>
void group_gradient_moments(const T* x, const T* gradient, int64_t places, int64_t channels, const float* scale,
                            const float* shift, bool silu, float* sums, float* products) {
  for_vectors(channels, [&](int64_t c, int n) {
    Vec sum = load_some(sums + c, n), product = load_some(products + c, n);
    for (int64_t p = 0; p < places; ++p) {
      const int64_t at = p * channels + c;
      const Vec g = gradient_at(x, gradient, at, c, n, scale, shift, silu);
      sum = add(sum, g);
      product = fma(g, load_part(x + at, n), product);
    }
    store_some(sums + c, sum, n);
    store_some(products + c, product, n);
  });
}

template <class T>
void group_gradient_apply(const T* x, const T* gradient, int64_t places, int64_t channels, const float* scale,
                          const float* shift, bool silu, const float* slope, const float* level, T* out) {
  for (int64_t p = 0; p < places; ++p)
    for_vectors(channels, [&](int64_t c, int n) {
      const int64_t at = p * channels + c;
      const Vec g = gradient_at(x, gradient, at, c, n, scale, shift, silu);
      const Vec own = fma(load_part(x + at, n), load_some(slope + c, n), load_some(level + c, n));
      store_part(out + at, fma(g, load_some(scale + c, n), own), n);
    });
}

template <class T>
constexpr GroupNormKernels<T> group_norm_kernels() {
  return {group_moments<T>, group_apply<T>, group_gradient_moments<T>, group_gradient_apply<T>};
}

}  // namespace
}  // namespace dynexec
