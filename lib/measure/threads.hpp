// Which thread count is fastest for the model at hand.
#pragma once

#include <vector>

#include "measure/contract.hpp"

namespace dynexec {

// CPUs that this process may use: its affinity mask, cut by the cgroup's CPU quota; at least 1.
int available_cpus();

struct ThreadTiming {
  int threads = 0;
  double ms = 0;  // median of the probes
  int probes = 0;
};

struct ThreadChoice {
  int threads = 1;
  bool calibrated = false;  // false: asked for, or the experiment has no probe
  std::vector<ThreadTiming> timings;
};

// requested > 0: that count. 0: probes 1.. cpus (every count up to 8, then growing by half) in rounds for
// about budget_s seconds and takes the fewest threads that no larger count beats by more than 3 %. Sets the
// count in the experiment.
ThreadChoice choose_threads(Experiment& experiment, int requested, int cpus, double budget_s = 1.0);

}  // namespace dynexec
