// The inner loops for AVX2 with FMA; compiled with those flags (lib/CMakeLists.txt), called only where the
// CPU has them.
#include "kernels/branch.hpp"

#if defined(__AVX2__) && defined(__FMA__)

#include "kernels/simd_avx2.hpp"
// After the vectors:
#include "kernels/branch_impl.hpp"

namespace dynexec {
namespace {
constexpr KernelBranch kBranch = make_branch("avx2");
}
const KernelBranch* avx2_branch() {
  return &kBranch;
}
}  // namespace dynexec

#else

namespace dynexec {
const KernelBranch* avx2_branch() {
  return nullptr;
}
}  // namespace dynexec

#endif
