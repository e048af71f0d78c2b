// Vector exponential and activations on Vec. Included after one simd_*.hpp; everything has internal linkage.
#pragma once

#include "kernels/branch.hpp"

namespace dynexec {
namespace {

// exp(x) to about 1e-7 relative: 2^n * e^r with |r| <= ln(2)/2, e^r by its Taylor polynomial of degree 7.
// 0 below -87.3 (no denormals), infinity above 88.8, NaN stays NaN.
inline Vec exp(Vec x) {
  const Vec lowest = broadcast(-87.33654f);
  const Vec bounded = min(broadcast(89.0f), max(lowest, x));
  const Vec n = round_nearest(mul(bounded, broadcast(1.44269504f)));
  Vec r = fma(n, broadcast(-0.693359375f), bounded);  // ln 2 in two parts
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec p = broadcast(1.0f / 5040);
  p = fma(p, r, broadcast(1.0f / 720));
  p = fma(p, r, broadcast(1.0f / 120));
  p = fma(p, r, broadcast(1.0f / 24));
  p = fma(p, r, broadcast(1.0f / 6));
  p = fma(p, r, broadcast(0.5f));
  p = fma(mul(r, r), p, add(r, broadcast(1.0f)));
  return select_less(x, lowest, broadcast(0.0f), scale_by_power(p, n));
}

inline Vec divide_by_one_plus_exp(Vec numerator, Vec x) {
  return div(numerator, add(broadcast(1.0f), exp(x)));
}

// erf(x): x P(x^2) for |x| < 1, 1 - exp(Q(|x|)) beyond; both polynomials are Chebyshev fits, error below
// 2e-7.
inline Vec erf(Vec x) {
  const Vec u = mul(x, x);
  Vec p = broadcast(7.88249712e-5f);
  p = fma(p, u, broadcast(-8.01885499e-4f));
  p = fma(p, u, broadcast(5.18931194e-3f));
  p = fma(p, u, broadcast(-2.68543288e-2f));
  p = fma(p, u, broadcast(1.12835975e-1f));
  p = fma(p, u, broadcast(-3.76126269e-1f));
  p = fma(p, u, broadcast(1.12837917f));
  const Vec near = mul(p, x);
  const Vec size = min(broadcast(4.0f), absolute(x));
  Vec q = broadcast(1.6140616e-6f);
  q = fma(q, size, broadcast(-4.55906224e-5f));
  q = fma(q, size, broadcast(5.92769537e-4f));
  q = fma(q, size, broadcast(-4.74022234e-3f));
  q = fma(q, size, broadcast(2.63647174e-2f));
  q = fma(q, size, broadcast(-1.09978245e-1f));
  q = fma(q, size, broadcast(-6.31937094e-1f));
  q = fma(q, size, broadcast(-1.13016668f));
  q = fma(q, size, broadcast(3.03212969e-4f));
  const Vec tail = sub(broadcast(1.0f), exp(q));
  const Vec far = select_less(x, broadcast(0.0f), sub(broadcast(0.0f), tail), tail);
  return select_less(broadcast(1.0f), absolute(x), far, near);
}

// tanh(x): x + x^3 P(x^2) for |x| < 0.625 (a Chebyshev fit, error below 1e-7 relative), 1 - 2 / (e^2|x| + 1) beyond.
inline Vec tanh(Vec x) {
  const Vec u = mul(x, x);
  Vec p = broadcast(-0.00610494794f);
  p = fma(p, u, broadcast(0.0210036412f));
  p = fma(p, u, broadcast(-0.0538524974f));
  p = fma(p, u, broadcast(0.133327823f));
  p = fma(p, u, broadcast(-0.333333291f));
  const Vec near = fma(mul(x, u), p, x);
  const Vec e = exp(mul(absolute(x), broadcast(2.0f)));
  const Vec size = sub(broadcast(1.0f), div(broadcast(2.0f), add(e, broadcast(1.0f))));
  const Vec far = select_less(x, broadcast(0.0f), sub(broadcast(0.0f), size), size);
  return select_less(absolute(x), broadcast(0.625f), near, far);
}

template <Activation A>
inline Vec activate(Vec x) {
  if constexpr (A == Activation::silu) {
    return divide_by_one_plus_exp(x, sub(broadcast(0.0f), x));
  } else if constexpr (A == Activation::gelu) {
    const Vec half = mul(x, broadcast(0.5f));
    return fma(half, erf(mul(x, broadcast(0.707106781f))), half);
  } else if constexpr (A == Activation::gelu_tanh) {
    // 0.5 x (1 + tanh u) = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3)
    const Vec cubic = mul(mul(x, x), x);
    const Vec minus_2u = mul(fma(cubic, broadcast(0.044715f), x), broadcast(-1.59576912f));
    return divide_by_one_plus_exp(x, minus_2u);
  } else if constexpr (A == Activation::relu) {
    return max(broadcast(0.0f), x);
  } else if constexpr (A == Activation::tanh) {
    return tanh(x);
  } else {
    return x;
  }
}

}  // namespace
}  // namespace dynexec
