#include "compress/input_moments.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <vector>

namespace dynexec {
namespace {

void accumulate(at::Tensor& sum, const at::Tensor& left, const at::Tensor& right) {
  if (!sum.defined()) sum = at::zeros({left.size(1), right.size(1)}, at::kDouble);
  sum.addmm_(left.t(), right);
}

// Trace of a M b^T.
double form(const at::Tensor& a, const at::Tensor& moments, const at::Tensor& b) {
  return (a.mm(moments) * b).sum().item<double>();
}

}  // namespace

void InputMoments::add(const at::Tensor& x) {
  accumulate(inputs, x, x);
}

void InputMoments::add(const at::Tensor& x, const at::Tensor& exact) {
  add(x);
  const at::Tensor missing = exact - x;
  accumulate(drift, missing, x);
  accumulate(drift_square, missing, missing);
}

at::Tensor as_matrix(std::span<const float> weights, std::int64_t out, std::int64_t in) {
  at::Tensor matrix = at::empty({out, in}, at::kDouble);
  std::copy(weights.begin(), weights.end(), matrix.mutable_data_ptr<double>());
  return matrix;
}

at::Tensor as_matrix(const StoredMatrix& stored) {
  const auto columns = static_cast<std::size_t>(stored.in);
  std::vector<float> values(static_cast<std::size_t>(stored.out) * columns);
  for (std::int64_t n = 0; n < stored.out; ++n)
    stored.row(n, std::span(values).subspan(static_cast<std::size_t>(n) * columns, columns));
  return as_matrix(values, stored.out, stored.in);
}

double output_error(std::span<const float> weights, const StoredMatrix& rounded, const InputMoments& moments) {
  const at::Tensor exact = as_matrix(weights, rounded.out, rounded.in);
  const at::Tensor difference = exact - as_matrix(rounded);
  const double error = form(difference, moments.inputs, difference);
  if (!moments.drift.defined()) return error;
  // W e - Q x = W (e - x) + (W - Q) x
  return error + 2 * form(exact, moments.drift, difference) + form(exact, moments.drift_square, exact);
}

double output_square(std::span<const float> weights, std::int64_t out, std::int64_t in, const InputMoments& moments) {
  const at::Tensor exact = as_matrix(weights, out, in);
  const double square = form(exact, moments.inputs, exact);
  if (!moments.drift.defined()) return square;
  return square + 2 * form(exact, moments.drift, exact) + form(exact, moments.drift_square, exact);
}

}  // namespace dynexec
