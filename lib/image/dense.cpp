#include "image/dense.hpp"

namespace dynexec {
namespace {

// out += f[0] x[0] + ... + f[3] x[3], so that a row of `out` is fetched once for four.
void add_four(const double* const x[4], const double f[4], double* out, std::size_t count) {
  const double *a = x[0], *b = x[1], *c = x[2], *d = x[3];
  const double fa = f[0], fb = f[1], fc = f[2], fd = f[3];
  for (std::size_t i = 0; i < count; ++i) out[i] += (fa * a[i] + fb * b[i]) + (fc * c[i] + fd * d[i]);
}

}  // namespace

std::vector<double> product(std::span<const double> left, std::span<const double> right, std::size_t rows,
                            std::size_t inner, std::size_t columns) {
  std::vector<double> out(rows * columns);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t k = 0; k < inner; k += 4) {
      const double* x[4];
      double f[4];
      for (std::size_t lane = 0; lane < 4; ++lane) {
        const bool inside = k + lane < inner;
        x[lane] = &right[(inside ? k + lane : k) * columns];
        f[lane] = inside ? left[row * inner + k + lane] : 0;
      }
      add_four(x, f, &out[row * columns], columns);
    }
  }
  return out;
}

std::vector<double> transposed(std::span<const double> matrix, std::size_t rows, std::size_t columns) {
  std::vector<double> out(rows * columns);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) out[j * rows + i] = matrix[i * columns + j];
  }
  return out;
}

std::vector<double> outer_products(std::span<const double> matrix, std::size_t rows, std::size_t width,
                                   std::span<const double> weights) {
  std::vector<double> out(width * width);
  for (std::size_t next = 0; next < rows;) {
    const double* x[4] = {matrix.data(), matrix.data(), matrix.data(), matrix.data()};
    double weight[4] = {0, 0, 0, 0};
    for (std::size_t lane = 0; lane < 4 && next < rows; ++next) {
      const double own = weights.empty() ? 1 : weights[next];
      if (own == 0) continue;
      x[lane] = &matrix[next * width];
      weight[lane++] = own;
    }
    for (std::size_t i = 0; i < width; ++i) {
      const double f[4] = {weight[0] * x[0][i], weight[1] * x[1][i], weight[2] * x[2][i], weight[3] * x[3][i]};
      const double* const from[4] = {x[0] + i, x[1] + i, x[2] + i, x[3] + i};
      add_four(from, f, &out[i * width + i], width - i);
    }
  }
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = 0; j < i; ++j) out[i * width + j] = out[j * width + i];
  }
  return out;
}

}  // namespace dynexec
