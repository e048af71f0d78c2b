// The inner loops for AVX-512F/DQ/BW/VL/VNNI/BF16; compiled with those flags (lib/CMakeLists.txt), called only
// where the CPU has them.
#include "kernels/branch.hpp"

#if defined(__AVX512VNNI__) && defined(__AVX512BF16__)

#include "kernels/simd_avx512.hpp"
// After the vectors:
#include "kernels/branch_impl.hpp"

namespace dynexec {
namespace {
constexpr KernelBranch kBranch = make_branch("avx512bf16");
}
const KernelBranch* avx512bf16_branch() {
  return &kBranch;
}
}  // namespace dynexec

#else

namespace dynexec {
const KernelBranch* avx512bf16_branch() {
  return nullptr;
}
}  // namespace dynexec

#endif
