#include "kernels/branch.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/error.hpp"
#include "kernels/linear.hpp"

namespace dynexec {
namespace {

bool cpu_has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

bool cpu_has_avx2() {
#if defined(__x86_64__)
  // Some compilers do not know f16c by name.
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool halves = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
  return halves && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool cpu_has_bf16() {
#if defined(__x86_64__)
  return cpu_has_vnni() && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

std::vector<const KernelBranch*> supported() {
  std::vector<const KernelBranch*> branches;
  if (cpu_has_bf16() && avx512bf16_branch()) branches.push_back(avx512bf16_branch());
  if (cpu_has_vnni() && avx512vnni_branch()) branches.push_back(avx512vnni_branch());
  if (cpu_has_avx512() && avx512_branch()) branches.push_back(avx512_branch());
  if (cpu_has_avx2() && avx2_branch()) branches.push_back(avx2_branch());
  branches.push_back(portable_branch());
  return branches;
}

const KernelBranch*& active() {
  static const KernelBranch* branch = supported().front();
  return branch;
}

}  // namespace

bool cpu_has_vnni() {
#if defined(__x86_64__)
  return cpu_has_avx512() && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

const KernelBranch& kernel_branch() {
  return *active();
}

std::vector<std::string> kernel_branches() {
  std::vector<std::string> names;
  for (const KernelBranch* branch : supported()) names.emplace_back(branch->name);
  return names;
}

std::string active_kernel_branch() {
  return active()->name;
}

void select_kernel_branch(const std::string& name) {
  for (const KernelBranch* branch : supported()) {
    if (name == branch->name) {
      active() = branch;
      return;
    }
  }
  const std::vector<std::string> names = kernel_branches();
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  throw Error(ErrorKind::usage, "no kernel branch '" + name + "' on this machine", "", "choose one of: " + list);
}

}  // namespace dynexec
