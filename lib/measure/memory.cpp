#include "measure/memory.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "measure/rows.hpp"

namespace dynexec {
namespace {

constexpr double kMbPerKib = 1024.0 / 1e6;

// The value of "VmHWM:" in KiB, negative when the file does not tell.
double read_high_water(int status) {
  char text[4096];
  const ssize_t size = status >= 0 ? pread(status, text, sizeof text - 1, 0) : -1;
  if (size <= 0) return -1;
  text[size] = '\0';
  const char* field = std::strstr(text, "VmHWM:");
  return field ? std::strtod(field + 6, nullptr) : -1;
}

}  // namespace

PeakMemory::PeakMemory()
    : clear_refs_(open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)),
      status_(open("/proc/self/status", O_RDONLY | O_CLOEXEC)) {
  reset();
  // Some sandboxes open the file and refuse the write, or have no high-water mark.
  if (clear_refs_ >= 0 && (pwrite(clear_refs_, "5", 1, 0) != 1 || read_high_water(status_) < 0)) {
    close(clear_refs_);
    clear_refs_ = -1;
  }
}

PeakMemory::~PeakMemory() {
  if (clear_refs_ >= 0) close(clear_refs_);
  if (status_ >= 0) close(status_);
}

void PeakMemory::reset() {
  if (clear_refs_ >= 0 && pwrite(clear_refs_, "5", 1, 0) != 1) {
    close(clear_refs_);
    clear_refs_ = -1;
  }
}

double PeakMemory::peak_mb() const {
  if (clear_refs_ >= 0) {
    const double kib = read_high_water(status_);
    return kib < 0 ? kMissing : kib * kMbPerKib;
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0 || usage.ru_maxrss <= 0) return kMissing;
  return static_cast<double>(usage.ru_maxrss) * kMbPerKib;
}

std::string PeakMemory::method() const {
  return clear_refs_ >= 0 ? "VmHWM, reset per row" : "ru_maxrss since process start";
}

}  // namespace dynexec
