#include "measure/clock.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "measure/block_runner.hpp"
#include "measure/memory.hpp"

using namespace dynexec;

namespace {

ClockReading difference(const ClockReading& a, const ClockReading& b) {
  return {b.wall_ns - a.wall_ns, b.cpu_ns - a.cpu_ns, b.wait_ns - a.wait_ns,
          b.involuntary_switches - a.involuntary_switches};
}

// By CPU time, so that a busy machine only makes it slower.
void use_cpu_ms(int ms) {
  const std::int64_t end = thread_cpu_ns() + ms * 1'000'000;
  while (thread_cpu_ns() < end) {
  }
}

}  // namespace

TEST_CASE("the timer is finer than a microsecond and cheap") {
  const TimerQuality timer = measure_timer();
  CHECK(timer.resolution_ns > 0);
  CHECK(timer.resolution_ns < 10'000);
  CHECK(timer.call_ns > 0);
}

TEST_CASE("sleeping uses wall time and no CPU time") {
  Clock& clock = system_clock();
  const ClockReading before = clock.begin();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const ClockReading took = difference(before, clock.end());
  CHECK(took.wall_ns >= 20'000'000);
  CHECK(took.cpu_ns < took.wall_ns / 2);
  CHECK(is_disturbed(took, 1, 1, {}));
}

TEST_CASE("CPU time counts all threads") {
  const std::int64_t process = process_cpu_ns(), thread = thread_cpu_ns();
  std::jthread([] { use_cpu_ms(20); }).join();
  CHECK(process_cpu_ns() - process >= 20'000'000);
  CHECK(thread_cpu_ns() - thread < 15'000'000);
}

TEST_CASE("disturbed: CPU share, waiting and switches, each by its bound") {
  const BenchOptions options;
  const auto took = [](double wall_ms, double cpu_ms, double wait_ms, std::int64_t switches) {
    const auto ns = [](double ms) { return static_cast<std::int64_t>(ms * 1e6); };
    return ClockReading{ns(wall_ms), ns(cpu_ms), ns(wait_ms), switches};
  };
  CHECK_FALSE(is_disturbed(took(100, 100, 0, 0), 1, 1, options));
  CHECK_FALSE(is_disturbed(took(100, 85, 15, 5), 1, 1, options));
  CHECK(is_disturbed(took(100, 75, 0, 0), 1, 1, options));
  CHECK(is_disturbed(took(100, 100, 25, 0), 1, 1, options));
  CHECK(is_disturbed(took(100, 100, 0, 9), 1, 1, options));
  // Two threads that should keep two CPUs busy but share one.
  CHECK(is_disturbed(took(100, 100, 0, 0), 2, 2, options));
  CHECK_FALSE(is_disturbed(took(100, 130, 0, 0), 2, 2, options));
  // A share above the thread count is other threads' work and asks for nothing.
  CHECK_FALSE(is_disturbed(took(100, 100, 0, 0), 8, 1, options));
  CHECK_FALSE(is_disturbed(took(10, 10, 0, 0), 2, 2, options));  // too short to tell
  BenchOptions off;
  off.disturbed_cpu_share = 0;
  CHECK_FALSE(is_disturbed(took(100, 1, 90, 0), 1, 1, off));
}

TEST_CASE("peak memory sees an allocation that is already freed, and forgets it on reset") {
  PeakMemory memory;
  const double before = memory.peak_mb();
  REQUIRE(before > 0);
  // Straight from the kernel: an allocator may keep what was freed.
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  void* block = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(block != MAP_FAILED);
  std::memset(block, 1, kBytes);
  munmap(block, kBytes);
  CHECK(memory.peak_mb() >= before + 60);
  if (memory.method().find("reset") == std::string::npos) return;
  memory.reset();
  CHECK(memory.peak_mb() < before + 30);
}
