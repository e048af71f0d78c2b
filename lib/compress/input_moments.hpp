// What calibration keeps of a matrix's inputs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "kernels/stored_matrix.hpp"

namespace dynexec {

// Sums over the inputs x, as the quantised layers before the matrix give them, and over what the exact network gives in
// their place, e. All [in, in], fp64; the last two are undefined where the exact network did not run beside.
struct InputMoments {
  at::Tensor inputs;        // x x^T
  at::Tensor drift;         // (e - x) x^T
  at::Tensor drift_square;  // (e - x)(e - x)^T

  // x, and where it ran exact, [rows, in] in fp64.
  void add(const at::Tensor& x);
  void add(const at::Tensor& x, const at::Tensor& exact);
};

// Squared difference, summed over all inputs, between what the matrix gives rounded and what it gave: on the same
// inputs, or on those of the exact network where they are known. weights [out, in].
double output_error(std::span<const float> weights, const StoredMatrix& rounded, const InputMoments& moments);
// The squares of what the matrix gave.
double output_square(std::span<const float> weights, std::int64_t out, std::int64_t in, const InputMoments& moments);

// [out, in] in fp64.
at::Tensor as_matrix(std::span<const float> weights, std::int64_t out, std::int64_t in);
at::Tensor as_matrix(const StoredMatrix& stored);

}  // namespace dynexec
