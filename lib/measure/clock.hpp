// Time and scheduling counters of this process.
#pragma once

#include <cstdint>

namespace dynexec {

struct ClockReading {
  std::int64_t wall_ns = 0;               // steady, arbitrary origin
  std::int64_t cpu_ns = 0;                // user and system time of all threads of the process
  std::int64_t wait_ns = 0;               // the calling thread was ready to run and had no CPU; 0: unknown
  std::int64_t involuntary_switches = 0;  // of all threads
};

// The bench loop reads time through this, so that tests can run on simulated time.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual ClockReading begin() = 0;  // just before and
  virtual ClockReading end() = 0;    // just after the measured work, on the same thread
};

// std::chrono::steady_clock, CLOCK_PROCESS_CPUTIME_ID, getrusage and /proc/thread-self/schedstat.
Clock& system_clock();

std::int64_t steady_now_ns();
std::int64_t thread_cpu_ns();
std::int64_t process_cpu_ns();

struct TimerQuality {
  double resolution_ns = 0;  // smallest step seen
  double call_ns = 0;        // cost of one reading
};
// Takes about a millisecond.
TimerQuality measure_timer();

}  // namespace dynexec
