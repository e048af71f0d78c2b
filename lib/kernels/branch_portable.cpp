// The inner loops for any CPU.
#include "kernels/branch.hpp"
#include "kernels/simd_portable.hpp"
// After the vectors:
#include "kernels/branch_impl.hpp"

namespace dynexec {
namespace {
constexpr KernelBranch kBranch = make_branch("portable");
}
const KernelBranch* portable_branch() {
  return &kBranch;
}
}  // namespace dynexec
