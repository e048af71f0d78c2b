// The inner loops for AVX-512F/DQ/BW/VL/VNNI; compiled with those flags (lib/CMakeLists.txt), called only where
// the CPU has them.
#include "kernels/branch.hpp"

#if defined(__AVX512VNNI__)

#include "kernels/simd_avx512.hpp"
// After the vectors:
#include "kernels/branch_impl.hpp"

namespace dynexec {
namespace {
constexpr KernelBranch kBranch = make_branch("avx512vnni");
}
const KernelBranch* avx512vnni_branch() {
  return &kBranch;
}
}  // namespace dynexec

#else

namespace dynexec {
const KernelBranch* avx512vnni_branch() {
  return nullptr;
}
}  // namespace dynexec

#endif
