// How fast the inner loops are when memory does not hold them up: the other bound of everything that computes.
#pragma once

#include <string>
#include <vector>

namespace dynexec {

struct PeakRate {
  std::string numbers;  // "fp32": of fp32 with fp32; "bf16": LibTorch's product of matrices; "int8": of int8 with int8
  int threads = 0;
  double gmac_per_s = 0;  // 10^9 multiply-accumulates a second, the best of several passes
};

// On data in the caches, for every number of threads in turn; about budget_s seconds. Leaves compute_pool() with the
// last number of threads.
std::vector<PeakRate> measure_peak_rates(const std::vector<int>& threads, double budget_s = 1);

}  // namespace dynexec
