// The direction that Muon steps in: a momentum matrix with its singular values pushed towards one.
#pragma once

#include <ATen/core/Tensor.h>

namespace dynexec {

// U V^T of the singular value decomposition of `matrix` [rows, columns], approximately: five steps of the quintic
// Newton-Schulz iteration of Jordan et al. 2024 ("Muon: an optimizer for hidden layers"), whose result has singular
// values between about 0.7 and 1.2. Products run in bf16 when `bf16`; returns fp32. A zero matrix stays zero.
at::Tensor orthogonalise(const at::Tensor& matrix, bool bf16);

}  // namespace dynexec
