#include "image/symmetric_eigen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr double kRounding = std::numeric_limits<double>::epsilon();

// y += factor * x
void add_scaled(double factor, const double* x, double* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

double dot(const double* x, const double* y, std::size_t count) {
  return std::inner_product(x, x + count, y, 0.0);
}

// Q^T A Q = T. Both triangles of A are kept up to date, so that all loops run along rows.
class Tridiagonal {
 public:
  Tridiagonal(std::vector<double> matrix, std::size_t size)
      : size_(size), matrix_(std::move(matrix)), scales_(size), diagonal_(size), off_(size) {
    for (std::size_t k = 0; k + 2 < size; ++k) reflect(k);
    for (std::size_t k = 0; k < size; ++k) diagonal_[k] = matrix_[k * size + k];
    if (size > 1) off_[size - 2] = matrix_[(size - 2) * size + size - 1];
  }

  std::vector<double>& diagonal() { return diagonal_; }
  std::vector<double>& off_diagonal() { return off_; }  // off[k] stands between k and k + 1

  // Rows of Q^T.
  std::vector<double> transposed_basis() const {
    std::vector<double> basis(size_ * size_), along(size_);
    for (std::size_t i = 0; i < size_; ++i) basis[i * size_ + i] = 1;
    // Q = H_0 H_1 ..., built from its end: reflection k then meets a unit matrix but for rows and columns beyond k.
    for (std::size_t k = size_ < 3 ? 0 : size_ - 2; k-- > 0;) {
      if (scales_[k] == 0) continue;
      const std::size_t first = k + 1, count = size_ - first;
      const double* v = &matrix_[k * size_ + first];
      std::fill(along.begin(), along.end(), 0.0);
      for (std::size_t i = 0; i < count; ++i)
        add_scaled(v[i], &basis[(first + i) * size_ + first], along.data(), count);
      for (std::size_t i = 0; i < count; ++i) {
        add_scaled(-scales_[k] * v[i], along.data(), &basis[(first + i) * size_ + first], count);
      }
    }
    for (std::size_t i = 0; i < size_; ++i) {
      for (std::size_t j = 0; j < i; ++j) std::swap(basis[i * size_ + j], basis[j * size_ + i]);
    }
    return basis;
  }

 private:
  // Clears row and column k beyond the neighbour of the diagonal with H = 1 - scale v v^T; v stays in row k.
  void reflect(std::size_t k) {
    const std::size_t first = k + 1, count = size_ - first;
    double* v = &matrix_[k * size_ + first];
    const double tail = dot(v + 1, v + 1, count - 1);
    off_[k] = v[0];
    if (tail == 0) return;
    const double length = std::sqrt(v[0] * v[0] + tail);
    off_[k] = v[0] > 0 ? -length : length;
    v[0] -= off_[k];
    const double scale = 2 / (v[0] * v[0] + tail);
    scales_[k] = scale;
    std::vector<double> w(count);
    for (std::size_t i = 0; i < count; ++i)
      add_scaled(scale * v[i], &matrix_[(first + i) * size_ + first], w.data(), count);
    add_scaled(-0.5 * scale * dot(w.data(), v, count), v, w.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      double* row = &matrix_[(first + i) * size_ + first];
      const double a = v[i], b = w[i];
      for (std::size_t j = 0; j < count; ++j) row[j] -= a * w[j] + b * v[j];
    }
  }

  std::size_t size_;
  std::vector<double> matrix_;  // [size, size]
  std::vector<double> scales_, diagonal_, off_;
};

// Rotates T to its eigenvalues, and the rows of `basis` along with it unless that is empty.
class Rotations {
 public:
  Rotations(std::vector<double>& diagonal, std::vector<double>& off, std::vector<double>& basis)
      : diagonal_(diagonal), off_(off), basis_(basis) {
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      scale_ = std::max({scale_, std::abs(diagonal[i]), std::abs(off[i])});
    }
  }

  void run() {
    const std::size_t size = diagonal_.size();
    std::size_t budget = 60 * size;
    for (std::size_t last = size; last-- > 1;) {
      while (!vanishes(last - 1)) {
        if (budget-- == 0) throw Error(ErrorKind::internal, "the eigenvalues do not settle", "symmetric_eigen", "");
        std::size_t first = last - 1;
        while (first > 0 && !vanishes(first - 1)) --first;
        sweep(first, last);
      }
    }
  }

 private:
  bool vanishes(std::size_t k) const {
    const double near = std::abs(diagonal_[k]) + std::abs(diagonal_[k + 1]);
    return std::abs(off_[k]) <= std::max(kRounding * near, kRounding * kRounding * scale_);
  }

  // The eigenvalue of the last two rows' block that is nearer to the last entry.
  double shift(std::size_t last) const {
    const double half = (diagonal_[last - 1] - diagonal_[last]) / 2, side = off_[last - 1];
    const double root = std::hypot(half, side);
    return diagonal_[last] - side * (side / (half + (half < 0 ? -root : root)));
  }

  void sweep(std::size_t first, std::size_t last) {
    double x = diagonal_[first] - shift(last), z = off_[first];
    for (std::size_t k = first; k < last; ++k) {
      const double length = std::hypot(x, z);
      const double c = length > 0 ? x / length : 1, s = length > 0 ? z / length : 0;
      if (k > first) off_[k - 1] = length;
      const double a = diagonal_[k], b = off_[k], d = diagonal_[k + 1];
      diagonal_[k] = c * c * a + 2 * c * s * b + s * s * d;
      diagonal_[k + 1] = s * s * a - 2 * c * s * b + c * c * d;
      off_[k] = c * s * (d - a) + (c * c - s * s) * b;
      if (k + 1 < last) {
        x = off_[k];
        z = s * off_[k + 1];
        off_[k + 1] *= c;
      }
      if (!basis_.empty()) rotate_rows(k, c, s);
    }
  }

  void rotate_rows(std::size_t k, double c, double s) {
    const std::size_t size = diagonal_.size();
    double* upper = &basis_[k * size];
    double* lower = upper + size;
    for (std::size_t i = 0; i < size; ++i) {
      const double above = upper[i], below = lower[i];
      upper[i] = c * above + s * below;
      lower[i] = c * below - s * above;
    }
  }

  std::vector<double>&diagonal_, &off_, &basis_;
  double scale_ = 0;
};

// A copy divided by the largest magnitude, so that no square overflows or vanishes; returns that magnitude (1 for
// zeros).
double scaled_copy(std::span<const double> matrix, std::size_t size, std::vector<double>& copy) {
  if (size == 0 || matrix.size() / size != size || matrix.size() % size != 0) {
    throw Error(ErrorKind::data, fmt::format("{} values are no matrix of {} x {}", matrix.size(), size, size),
                "symmetric_eigen", "give a square matrix of at least one row");
  }
  double largest = 0;
  for (const double value : matrix) {
    if (!std::isfinite(value)) {
      throw Error(ErrorKind::data, fmt::format("the matrix holds {}", value), "symmetric_eigen",
                  "look for the step that produced it");
    }
    largest = std::max(largest, std::abs(value));
  }
  if (largest == 0) largest = 1;
  copy.assign(matrix.begin(), matrix.end());
  for (double& value : copy) value /= largest;
  return largest;
}

}  // namespace

SymmetricEigen symmetric_eigen(std::span<const double> matrix, std::size_t size) {
  std::vector<double> copy;
  const double magnitude = scaled_copy(matrix, size, copy);
  Tridiagonal reduced(std::move(copy), size);
  std::vector<double> basis = reduced.transposed_basis();
  Rotations(reduced.diagonal(), reduced.off_diagonal(), basis).run();

  const std::vector<double>& values = reduced.diagonal();
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  SymmetricEigen result;
  result.vectors.reserve(size * size);
  for (const std::size_t i : order) {
    result.values.push_back(values[i] * magnitude);
    const auto row = basis.begin() + static_cast<std::ptrdiff_t>(i * size);
    result.vectors.insert(result.vectors.end(), row, row + static_cast<std::ptrdiff_t>(size));
  }
  return result;
}

std::vector<double> symmetric_eigenvalues(std::span<const double> matrix, std::size_t size) {
  std::vector<double> copy, no_basis;
  const double magnitude = scaled_copy(matrix, size, copy);
  Tridiagonal reduced(std::move(copy), size);
  Rotations(reduced.diagonal(), reduced.off_diagonal(), no_basis).run();
  std::vector<double> values = reduced.diagonal();
  for (double& value : values) value *= magnitude;
  std::sort(values.begin(), values.end(), std::greater<>());
  return values;
}

}  // namespace dynexec
