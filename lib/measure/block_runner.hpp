// One block of the bench loop: some samples, one repetition, all paths. Private to the measure room.
#pragma once

#include <span>
#include <vector>

#include "measure/bench_loop.hpp"
#include "measure/memory.hpp"

namespace dynexec {

// One Path::run call: what it returned or why it failed, and what it took.
struct TimedRun {
  std::vector<Outcome> outcomes;
  std::string error;  // empty: ran
  ClockReading took;  // differences
  double peak_mb = kMissing, energy_j = kMissing;

  double wall_ms() const { return static_cast<double>(took.wall_ns) * 1e-6; }
  // CPU time over wall time.
  double cpu_share() const;
};

// Whether the scheduler kept the work waiting. expected_share: see PathWarmup::cpu_share.
bool is_disturbed(const ClockReading& took, double expected_share, int threads, const BenchOptions& options);

class BlockRunner {
 public:
  BlockRunner(Experiment& experiment, const BenchOptions& options, const BenchRequest& request);

  // Samples first .. of the block that starts there.
  std::vector<Sample> samples_from(std::int64_t first) const;
  TimedRun run_path(std::size_t path, std::span<const Sample> samples, std::int64_t repetition);

  // Runs all paths in random order; rows in the order of the paths. cpu_shares: one a path.
  std::vector<SampleRow> run_block(std::int64_t first, std::int64_t repetition, std::span<const double> cpu_shares,
                                   std::vector<TraceRecord>& traces);

  std::string peak_memory_method() const { return memory_.method(); }

 private:
  std::vector<std::size_t> order_of(std::int64_t first, std::int64_t repetition) const;
  void fill_row(const TimedRun& run, std::size_t path, const Sample& sample, Outcome& outcome, double cpu_share,
                SampleRow& row);
  void compare_row(std::size_t path, const Outcome& baseline, const Outcome& mine, SampleRow& row) const;

  Experiment& experiment_;
  const BenchOptions& options_;
  const BenchRequest& request_;
  Clock& clock_;
  PeakMemory memory_;
};

}  // namespace dynexec
