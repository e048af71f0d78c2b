// Norms, rotation, softmax and reductions over one row on Vec. Included after one simd_*.hpp; internal
// linkage.
#pragma once

#include "kernels/branch.hpp"
#include "kernels/math_impl.hpp"

namespace dynexec {
namespace {

using std::int64_t;

// Calls f(offset, lanes) for every vector of [0, size), the last one partial.
template <class F>
inline void for_vectors(int64_t size, F f) {
  int64_t i = 0;
  for (; i + Vec::kLanes <= size; i += Vec::kLanes) f(i, Vec::kLanes);
  if (i < size) f(i, static_cast<int>(size - i));
}
inline Vec load_some(const float* p, int n) {
  return n == Vec::kLanes ? load(p) : load_first(p, n);
}
inline void store_some(float* p, Vec a, int n) {
  if (n == Vec::kLanes) {
    store(p, a);
  } else {
    store_first(p, a, n);
  }
}

void widen_columns(const std::int8_t* codes, const float* scales, int64_t rows, int64_t columns, float* out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += Vec::kLanes)
      store(out + r * columns + c, mul(load_int8(codes + r * columns + c), load(scales + c)));
}

void widen_rows(const std::int8_t* codes, const float* scales, int64_t rows, int64_t columns, float* out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += Vec::kLanes)
      store(out + r * columns + c, mul(load_int8(codes + r * columns + c), broadcast(scales[r])));
}

void rms_norm(const float* x, const float* weight, int64_t size, float eps, float* out) {
  Vec squares = broadcast(0.0f);
  for_vectors(size, [&](int64_t i, int n) {
    const Vec a = load_some(x + i, n);
    squares = fma(a, a, squares);
  });
  const float mean = sum_lanes(squares) / static_cast<float>(size);
  const Vec factor = broadcast(1.0f / __builtin_sqrtf(mean + eps));
  for_vectors(size, [&](int64_t i, int n) {
    store_some(out + i, mul(mul(load_some(x + i, n), factor), load_some(weight + i, n)), n);
  });
}

void layer_norm(const float* x, const float* weight, const float* bias, int64_t size, float eps, float* out) {
  Vec sum = broadcast(0.0f);
  for_vectors(size, [&](int64_t i, int n) { sum = add(sum, load_some(x + i, n)); });
  const Vec mean = broadcast(sum_lanes(sum) / static_cast<float>(size));
  Vec squares = broadcast(0.0f);
  for_vectors(size, [&](int64_t i, int n) {
    const Vec d = keep_first(sub(load_some(x + i, n), mean), n, broadcast(0.0f));
    squares = fma(d, d, squares);
  });
  const Vec factor = broadcast(1.0f / __builtin_sqrtf(sum_lanes(squares) / static_cast<float>(size) + eps));
  for_vectors(size, [&](int64_t i, int n) {
    const Vec normal = mul(sub(load_some(x + i, n), mean), factor);
    store_some(out + i, fma(normal, load_some(weight + i, n), load_some(bias + i, n)), n);
  });
}

void rotate_half(float* x, const float* cosine, const float* sine, int half) {
  for_vectors(half, [&](int64_t i, int n) {
    const Vec a = load_some(x + i, n), b = load_some(x + half + i, n);
    const Vec c = load_some(cosine + i, n), s = load_some(sine + i, n);
    store_some(x + i, sub(mul(a, c), mul(b, s)), n);
    store_some(x + half + i, add(mul(b, c), mul(a, s)), n);
  });
}

float softmax_span(float* scores, int count, float scale_factor, float* maximum, float* sum) {
  const Vec factor = broadcast(scale_factor);
  const Vec none = broadcast(-__builtin_inff());
  Vec top = none;
  for_vectors(count, [&](int64_t i, int n) {
    const Vec s = mul(load(scores + i), factor);
    store(scores + i, s);
    top = max(top, keep_first(s, n, none));
  });
  const float old_maximum = *maximum;
  const float span_maximum = max_lanes(top);
  const bool higher = span_maximum > old_maximum;
  const float new_maximum = higher ? span_maximum : old_maximum;
  Vec total = broadcast(0.0f);
  const Vec shift = broadcast(new_maximum);
  for_vectors(count, [&](int64_t i, int n) {
    const Vec p = keep_first(exp(sub(load(scores + i), shift)), n, broadcast(0.0f));
    store(scores + i, p);
    total = add(total, p);
  });
  float decay = 1.0f;
  if (higher) {
    float lanes[Vec::kLanes];
    store(lanes, exp(broadcast(old_maximum - new_maximum)));
    decay = lanes[0];
    *maximum = new_maximum;
  }
  *sum = *sum * decay + sum_lanes(total);
  return decay;
}

void scale(float* x, int64_t size, float factor) {
  const Vec f = broadcast(factor);
  for_vectors(size, [&](int64_t i, int n) { store_some(x + i, mul(load_some(x + i, n), f), n); });
}

// Adds up term(offset, lanes) over [0, size): four fp32 chains within a block of 32 vectors, double precision
// between blocks. Lanes outside the last partial vector must be 0.
template <class Term>
inline double sum_blocks(int64_t size, Term term) {
  constexpr int64_t block = 32 * Vec::kLanes, group = 4 * Vec::kLanes;
  double total = 0;
  for (int64_t begin = 0; begin < size; begin += block) {
    const int64_t end = size - begin < block ? size : begin + block;
    Vec chains[4] = {broadcast(0.0f), broadcast(0.0f), broadcast(0.0f), broadcast(0.0f)};
    int64_t i = begin;
    for (; i + group <= end; i += group) {
      for (int c = 0; c < 4; ++c) chains[c] = add(chains[c], term(i + c * Vec::kLanes, Vec::kLanes));
    }
    for (; i < end; i += Vec::kLanes) {
      const int n = end - i < Vec::kLanes ? static_cast<int>(end - i) : Vec::kLanes;
      chains[0] = add(chains[0], term(i, n));
    }
    total += static_cast<double>(sum_lanes(add(add(chains[0], chains[1]), add(chains[2], chains[3]))));
  }
  return total;
}

double exp_sum(const float* x, int64_t size, float shift, float factor, float* out) {
  const Vec s = broadcast(shift), f = broadcast(factor);
  return sum_blocks(size, [&](int64_t i, int n) {
    const Vec e = keep_first(exp(mul(sub(load_some(x + i, n), s), f)), n, broadcast(0.0f));
    store_some(out + i, e, n);
    return e;
  });
}

double sum(const float* x, int64_t size) {
  return sum_blocks(size, [&](int64_t i, int n) { return load_some(x + i, n); });
}

double weighted_sum(const float* weight, const float* x, int64_t size, float shift) {
  const Vec s = broadcast(shift);
  return sum_blocks(size, [&](int64_t i, int n) { return mul(load_some(weight + i, n), sub(load_some(x + i, n), s)); });
}

float maximum(const float* x, int64_t size) {
  const Vec none = broadcast(-__builtin_inff());
  Vec top = none;
  for_vectors(size, [&](int64_t i, int n) { top = max(top, keep_first(load_some(x + i, n), n, none)); });
  return max_lanes(top);
}

bool all_finite(const float* x, int64_t size) {
  Vec zeros = broadcast(0.0f);  // 0 * x is 0 for finite x and NaN otherwise
  for_vectors(size, [&](int64_t i, int n) { zeros = fma(load_some(x + i, n), broadcast(0.0f), zeros); });
  return sum_lanes(zeros) == 0.0f;
}

constexpr float kSmallestCodeSum = 5e-16f;

// u of one row into `u`; returns 1 / (their sum).
inline float codes_of_row(const float* scores, int64_t words, Vec slope, Vec shift, float* u) {
  Vec total = broadcast(0.0f);
  for_vectors(words, [&](int64_t i, int n) {
    const Vec z = fma(load_some(scores + i, n), slope, shift);
    const Vec code = keep_first(divide_by_one_plus_exp(broadcast(1.0f), sub(broadcast(0.0f), z)), n, broadcast(0.0f));
    store_some(u + i, code, n);
    total = add(total, code);
  });
  return 1.0f / (sum_lanes(total) + kSmallestCodeSum);
}

void add_codes(const float* scores, int64_t rows, int64_t words, float slope, float shift, float* scratch,
               float* sums) {
  const Vec a = broadcast(slope), c = broadcast(shift);
  for (int64_t r = 0; r < rows; ++r) {
    const Vec share = broadcast(codes_of_row(scores + r * words, words, a, c, scratch));
    for_vectors(words, [&](int64_t i, int n) {
      store_some(sums + i, fma(load_some(scratch + i, n), share, load_some(sums + i, n)), n);
    });
  }
}

void add_code_gradients(const float* scores, int64_t rows, int64_t words, const float* gradient, float* scratch,
                        float* out) {
  const Vec one = broadcast(1.0f), zero = broadcast(0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const float share = codes_of_row(scores + r * words, words, one, zero, scratch);
    Vec products = zero;
    for_vectors(words, [&](int64_t i, int n) {
      products = fma(load_some(scratch + i, n), load_some(gradient + i, n), products);
    });
    const Vec mean = broadcast(sum_lanes(products) * share), factor = broadcast(share);
    for_vectors(words, [&](int64_t i, int n) {
      const Vec u = load_some(scratch + i, n);
      const Vec slope = mul(mul(sub(load_some(gradient + i, n), mean), factor), mul(u, sub(one, u)));
      store_some(out + r * words + i, add(load_some(out + r * words + i, n), slope), n);
    });
  }
}

}  // namespace
}  // namespace dynexec
