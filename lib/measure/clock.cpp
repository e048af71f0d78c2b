#include "measure/clock.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace dynexec {
namespace {

std::int64_t read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// Time that the calling thread has spent ready to run without getting a CPU: the second field of its
// schedstat.
class WaitCounter {
 public:
  WaitCounter() : file_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~WaitCounter() {
    if (file_ >= 0) close(file_);
  }
  WaitCounter(const WaitCounter&) = delete;
  WaitCounter& operator=(const WaitCounter&) = delete;

  std::int64_t read() const {
    char text[96];
    const ssize_t size = file_ >= 0 ? pread(file_, text, sizeof text - 1, 0) : -1;
    if (size <= 0) return 0;
    text[size] = '\0';
    char* end = text;
    std::strtoll(text, &end, 10);
    return std::strtoll(end, nullptr, 10);
  }

 private:
  int file_;
};

class SystemClock : public Clock {
 public:
  // The wall clock is read innermost, so that the cost of the other counters is not in it.
  ClockReading begin() override {
    ClockReading reading = counters();
    reading.wall_ns = steady_now_ns();
    return reading;
  }
  ClockReading end() override {
    const std::int64_t wall = steady_now_ns();
    ClockReading reading = counters();
    reading.wall_ns = wall;
    return reading;
  }

 private:
  static ClockReading counters() {
    thread_local const WaitCounter wait;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return {0, process_cpu_ns(), wait.read(), usage.ru_nivcsw};
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

std::int64_t steady_now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::int64_t thread_cpu_ns() {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
std::int64_t process_cpu_ns() {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

TimerQuality measure_timer() {
  constexpr int kCalls = 10'000;
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  const std::int64_t start = steady_now_ns();
  std::int64_t last = start;
  for (int i = 0; i < kCalls; ++i) {
    const std::int64_t now = steady_now_ns();
    if (now > last) smallest = std::min(smallest, now - last);
    last = now;
  }
  return {static_cast<double>(smallest), static_cast<double>(last - start) / kCalls};
}

}  // namespace dynexec
