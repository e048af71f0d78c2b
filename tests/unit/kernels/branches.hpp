// Runs a check under every kernel branch of this machine and restores the best one.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {

template <class Check>
void for_each_branch(Check check) {
  const std::string before = active_kernel_branch();
  for (const std::string& name : kernel_branches()) {
    INFO("kernel branch ", name);
    select_kernel_branch(name);
    check();
  }
  select_kernel_branch(before);
}

inline std::vector<float> random_values(std::size_t count, std::uint64_t seed, double spread = 1) {
  RandomStream random(seed, 0, 0, 0);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(spread * random.normal());
  return values;
}

// Sets the threads of the compute pool for one scope.
struct ComputeThreads {
  explicit ComputeThreads(int threads) { set_compute_threads(threads); }
  ~ComputeThreads() { set_compute_threads(1); }
};

}  // namespace dynexec
