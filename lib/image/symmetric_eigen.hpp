// Eigenvalues and eigenvectors of real symmetric matrices, in double.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dynexec {

struct SymmetricEigen {
  std::vector<double> values;   // [size], from the largest to the smallest
  std::vector<double> vectors;  // [size, size]: row i is the unit vector of values[i]
};

// matrix: [size, size], symmetric, finite; Error(data) when it has another size or a value that is not finite.
// Reflections bring it to three diagonals, shifted QR rotations to one (Golub and Van Loan 2013, sections 8.3.1
// and 8.3.5); errors are a small multiple of the rounding unit times the largest eigenvalue. Time grows with size^3:
// about a third of a second for 512 with vectors, a quarter of it without.
SymmetricEigen symmetric_eigen(std::span<const double> matrix, std::size_t size);
// The values alone, from the largest to the smallest.
std::vector<double> symmetric_eigenvalues(std::span<const double> matrix, std::size_t size);

}  // namespace dynexec
