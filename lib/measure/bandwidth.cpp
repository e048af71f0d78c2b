#include "measure/bandwidth.hpp"

#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "measure/clock.hpp"
#include "measure/cpu_info.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20, kGiB = std::size_t{1} << 30;
constexpr int kMinPasses = 2;

std::size_t buffer_size() {
  const std::size_t cache = read_cpu_info().last_level_bytes();
  const std::size_t wanted = std::clamp(4 * cache, 256 * kMiB, kGiB);
  const long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return wanted;
  const std::size_t free = static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
  return std::max(16 * kMiB, std::min(wanted, free / 4)) / kMiB * kMiB;
}

// Eight independent sums keep the loads from waiting for one another; the compiler turns them into vectors.
std::uint64_t sum_words(const std::uint64_t* words, std::size_t count) {
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 8 <= count; i += 8)
    for (std::size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
  std::uint64_t all = 0;
  for (const std::uint64_t sum : sums) all += sum;
  return all;
}

// Runs work(thread) on that many threads at once and returns the seconds from a common start to the last end.
template <class Work>
double timed_on(int threads, const Work& work) {
  std::int64_t start = 0;
  std::barrier gate(threads, [&]() noexcept { start = steady_now_ns(); });
  const auto body = [&](int thread) {
    gate.arrive_and_wait();
    work(thread);
  };
  {
    std::vector<std::jthread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(body, thread);
    body(0);
  }
  return static_cast<double>(steady_now_ns() - start) * 1e-9;
}

std::vector<int> thread_counts(int max_threads) {
  std::vector<int> counts;
  for (int count = 1; count < max_threads; count *= 2) counts.push_back(count);
  counts.push_back(max_threads);
  return counts;
}

}  // namespace

double Bandwidth::at(int threads) const {
  double best = 0;
  for (const BandwidthPoint& point : points)
    if (point.threads <= threads || best == 0) best = std::max(best, point.gb_per_s);
  return best;
}

Bandwidth measure_bandwidth(int max_threads, double budget_s) {
  Bandwidth result;
  result.buffer_bytes = buffer_size();
  const std::size_t words = result.buffer_bytes / sizeof(std::uint64_t);
  const std::unique_ptr<std::uint64_t[]> buffer(new std::uint64_t[words]);
  const int all = std::max(1, max_threads);
  const auto part = [&](int thread, int threads) {
    const auto at = [&](int k) {
      return words / 8 * static_cast<std::size_t>(k) / static_cast<std::size_t>(threads) * 8;
    };
    return std::pair(at(thread), at(thread + 1) - at(thread));
  };
  // Every thread writes its own part first: pages exist, and lie near the CPU that will read them.
  timed_on(all, [&](int thread) {
    const auto [offset, count] = part(thread, all);
    std::memset(buffer.get() + offset, 1 + thread, count * sizeof(std::uint64_t));
  });
  const std::vector<int> counts = thread_counts(all);
  for (const int threads : counts) {
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads) * 8);  // a cache line each
    const std::int64_t start = steady_now_ns();
    double best = 0;
    for (int pass = 0; pass < kMinPasses || static_cast<double>(steady_now_ns() - start) * 1e-9 <
                                                budget_s / static_cast<double>(counts.size());
         ++pass) {
      const double seconds = timed_on(threads, [&](int thread) {
        const auto [offset, count] = part(thread, threads);
        // Written through a volatile, so that no pass can be left out.
        *static_cast<volatile std::uint64_t*>(&sums[static_cast<std::size_t>(thread) * 8]) =
            sum_words(buffer.get() + offset, count);
      });
      best = std::max(best, static_cast<double>(result.buffer_bytes) * 1e-9 / seconds);
    }
    result.points.push_back({threads, best});
  }
  return result;
}

const Bandwidth& read_bandwidth(int max_threads) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<const Bandwidth>> measured;  // kept: references were handed out
  const std::lock_guard lock(mutex);
  if (measured.empty() || measured.back()->points.back().threads < max_threads)
    measured.push_back(std::make_unique<const Bandwidth>(measure_bandwidth(max_threads)));
  return *measured.back();
}

}  // namespace dynexec
