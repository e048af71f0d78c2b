#include "measure/threads.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "measure/clock.hpp"
#include "measure/statistics.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

constexpr double kGain = 0.03;
constexpr int kMinRounds = 3;

// CPUs worth of quota of one cgroup folder (version 2, then 1); 0: none.
double quota_of(const fs::path& folder) {
  std::string quota;
  double period = 0;
  if (std::ifstream file(folder / "cpu.max"); file >> quota >> period) {
    if (quota == "max" || period <= 0) return 0;
    return std::strtod(quota.c_str(), nullptr) / period;
  }
  double limit = 0;
  std::ifstream limit_file(folder / "cpu.cfs_quota_us"), period_file(folder / "cpu.cfs_period_us");
  if (limit_file >> limit && period_file >> period && limit > 0 && period > 0) return limit / period;
  return 0;
}

// The smallest quota from the process's own group up to the root; 0: none.
double cgroup_quota() {
  double smallest = 0;
  const auto consider = [&](double quota) {
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
  };
  const fs::path mount = "/sys/fs/cgroup";
  consider(quota_of(mount / "cpu"));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::/", 0) != 0) continue;
    for (fs::path group = fs::path(line.substr(4));; group = group.parent_path()) {
      consider(quota_of(mount / group));
      if (group.empty()) break;
    }
  }
  return smallest;
}

std::vector<int> candidates(int cpus) {
  std::vector<int> counts;
  for (int count = 1; count < cpus; count = count < 8 ? count + 1 : count + count / 2) counts.push_back(count);
  counts.push_back(cpus);
  return counts;
}

// Rounds over all counts, so that a change of load does not fall on one of them. The first round starts the
// threads and is not used. At least kMinRounds more unless they would take several times the budget.
std::vector<ThreadTiming> probe(const Experiment& experiment, const std::vector<int>& counts, double budget_s) {
  std::vector<std::vector<double>> times(counts.size());
  const std::int64_t start = steady_now_ns();
  const auto elapsed = [&] { return static_cast<double>(steady_now_ns() - start) * 1e-9; };
  for (int round = 0; round <= 1 || elapsed() < (round <= kMinRounds ? 4 * budget_s : budget_s); ++round) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double ms = experiment.probe_threads(counts[i]);
      if (round > 0) times[i].push_back(ms);
    }
  }
  std::vector<ThreadTiming> timings;
  for (std::size_t i = 0; i < counts.size(); ++i)
    timings.push_back({counts[i], median_of(times[i]), static_cast<int>(times[i].size())});
  return timings;
}

}  // namespace

int available_cpus() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) count = CPU_COUNT(&mask);
  const double quota = cgroup_quota();
  if (quota > 0) count = std::min(count, static_cast<int>(std::ceil(quota)));
  return std::max(1, count);
}

ThreadChoice choose_threads(Experiment& experiment, int requested, int cpus, double budget_s) {
  ThreadChoice choice;
  if (requested > 0 || !experiment.probe_threads || cpus <= 1) {
    choice.threads = requested > 0 ? requested : 1;
  } else {
    choice.timings = probe(experiment, candidates(cpus), budget_s);
    for (std::size_t i = 0; i < choice.timings.size(); ++i) {
      const double ms = choice.timings[i].ms;
      const auto beats = [&](const ThreadTiming& larger) { return larger.ms < ms * (1 - kGain); };
      if (std::any_of(choice.timings.begin() + static_cast<std::ptrdiff_t>(i), choice.timings.end(), beats)) continue;
      choice.threads = choice.timings[i].threads;
      break;
    }
    choice.calibrated = true;
  }
  if (experiment.set_threads) experiment.set_threads(choice.threads);
  return choice;
}

}  // namespace dynexec
