#include "train/orthogonalise.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace dynexec {

at::Tensor orthogonalise(const at::Tensor& matrix, bool bf16) {
  constexpr int kSteps = 5;
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  // The products are those of the shorter side.
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = tall ? matrix.t() : matrix;
  x = (x / (x.norm() + 1e-7)).to(bf16 ? at::kBFloat16 : at::kFloat);
  for (int step = 0; step < kSteps; ++step) {
    const at::Tensor gram = x.matmul(x.t());
    x = kA * x + at::addmm(gram, gram, gram, kB, kC).matmul(x);
  }
  x = x.to(at::kFloat);
  return tall ? x.t() : x;
}

}  // namespace dynexec
