// Read bandwidth of the main memory: the bound of everything that streams weights.
#pragma once

#include <cstddef>
#include <vector>

namespace dynexec {

struct BandwidthPoint {
  int threads = 0;
  double gb_per_s = 0;  // 10^9 bytes per second, best of several passes
};

struct Bandwidth {
  std::size_t buffer_bytes = 0;
  std::vector<BandwidthPoint> points;  // ascending thread counts

  // The best rate with at most `threads` threads.
  double at(int threads) const;
};

// Sums a buffer several times the last-level cache (at most 1 GiB and a quarter of the free memory) with 1 to
// max_threads threads; about budget_s seconds and never less than two passes a point.
Bandwidth measure_bandwidth(int max_threads, double budget_s = 0.7);

// measure_bandwidth once per process (for the largest max_threads asked for so far).
const Bandwidth& read_bandwidth(int max_threads);

}  // namespace dynexec
