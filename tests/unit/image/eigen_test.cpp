#include "image/symmetric_eigen.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "image/dense.hpp"
#include "noise.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

std::vector<double> random_symmetric(std::size_t size, std::uint64_t seed) {
  const std::vector<float> values = normal_values(size * size, seed);
  std::vector<double> matrix(size * size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      matrix[i * size + j] = static_cast<double>(values[i * size + j]) + static_cast<double>(values[j * size + i]);
    }
  }
  return matrix;
}

// Largest entry of left - right.
double apart(const std::vector<double>& left, const std::vector<double>& right) {
  double worst = left.size() == right.size() ? 0 : 1e300;
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    worst = std::max(worst, std::abs(left[i] - right[i]));
  }
  return worst;
}

void check_decomposition(const std::vector<double>& matrix, std::size_t size) {
  const SymmetricEigen eigen = symmetric_eigen(matrix, size);
  const std::vector<double> columns = transposed(eigen.vectors, size, size);
  std::vector<double> scaled = eigen.vectors, unit(size * size);
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= eigen.values[i / size];
  for (std::size_t i = 0; i < size; ++i) unit[i * size + i] = 1;
  const double largest = std::max(std::abs(eigen.values.front()), std::abs(eigen.values.back()));
  const double tolerance = 1e-14 * static_cast<double>(size);
  CHECK(apart(product(columns, scaled, size, size, size), matrix) <= tolerance * largest);
  CHECK(apart(product(eigen.vectors, columns, size, size, size), unit) <= tolerance);
  CHECK(apart(symmetric_eigenvalues(matrix, size), eigen.values) <= tolerance * largest);
  for (std::size_t i = 1; i < size; ++i) CHECK(eigen.values[i - 1] >= eigen.values[i]);
}

}  // namespace

TEST_CASE("eigenvalues of matrices that are known") {
  CHECK(symmetric_eigenvalues(std::vector<double>{-4}, 1) == std::vector<double>{-4});
  CHECK(symmetric_eigenvalues(std::vector<double>(9), 3) == std::vector<double>(3));
  const std::vector<double> two = symmetric_eigenvalues(std::vector<double>{2, 1, 1, 2}, 2);
  CHECK(two[0] == Approx(3));
  CHECK(two[1] == Approx(1));
  const std::vector<double> diagonal = symmetric_eigenvalues(std::vector<double>{1, 0, 0, 0, 5, 0, 0, 0, -2}, 3);
  CHECK(diagonal == std::vector<double>{5, 1, -2});

  // The second difference of n points: 2 - 2 cos(k pi / (n + 1)).
  constexpr std::size_t n = 40;
  std::vector<double> chain(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    chain[i * n + i] = 2;
    if (i > 0) chain[i * n + i - 1] = chain[(i - 1) * n + i] = -1;
  }
  const std::vector<double> values = symmetric_eigenvalues(chain, n);
  for (std::size_t k = 0; k < n; ++k) {
    const double angle = static_cast<double>(n - k) * std::numbers::pi / static_cast<double>(n + 1);
    CHECK(values[k] == Approx(2 - 2 * std::cos(angle)).epsilon(1e-12));
  }
}

TEST_CASE("values and vectors put the matrix together again") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{8}, std::size_t{33}}) {
    check_decomposition(random_symmetric(size, size), size);
  }
  check_decomposition(random_symmetric(150, 5), 150);
}

TEST_CASE("repeated values, low rank and extreme magnitudes") {
  std::vector<double> ones(25, 1.0);
  check_decomposition(ones, 5);
  std::vector<double> unit(36);
  for (std::size_t i = 0; i < 6; ++i) unit[i * 6 + i] = 7;
  check_decomposition(unit, 6);
  const std::vector<float> thin = normal_values(3 * 40, 9);
  check_decomposition(outer_products(std::vector<double>(thin.begin(), thin.end()), 3, 40), 40);
  for (const double scale : {1e-300, 1e-150, 1e150, 1e300}) {
    std::vector<double> matrix = random_symmetric(7, 3);
    const std::vector<double> plain = symmetric_eigenvalues(matrix, 7);
    for (double& value : matrix) value *= scale;
    const std::vector<double> scaled = symmetric_eigenvalues(matrix, 7);
    for (std::size_t i = 0; i < 7; ++i) CHECK(scaled[i] / scale == Approx(plain[i]).epsilon(1e-12));
  }
}

TEST_CASE("what is no finite square matrix is refused") {
  CHECK(contains(error_of([] { symmetric_eigenvalues({}, 0); }), "no matrix"));
  CHECK(contains(error_of([] { symmetric_eigen(std::vector<double>(5), 2); }), "no matrix"));
  CHECK(contains(error_of([] { symmetric_eigen(std::vector<double>{1, std::nan(""), 0, 1}, 2); }), "nan"));
}

TEST_CASE("weights count rows as often as they say") {
  const std::vector<double> rows{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};  // [6, 2]
  const std::vector<double> weights{2, 0, 1, 0, 0, 1};
  const std::vector<double> repeated{1, 2, 1, 2, 5, 6, 11, 12};
  CHECK(outer_products(rows, 6, 2, weights) == outer_products(repeated, 4, 2));
}
