// Peak resident memory of the process over a stretch of work.
#pragma once

#include <string>

namespace dynexec {

class PeakMemory {
 public:
  PeakMemory();
  ~PeakMemory();
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

  // Starts a stretch: forgets the high-water mark where the kernel allows it.
  void reset();
  // Highest resident set since reset(), in MB (10^6 bytes). It counts the whole process, so everything that
  // stays loaded for other paths is in it. kMissing where /proc is absent.
  double peak_mb() const;

  // "VmHWM, reset per row" (through /proc/self/clear_refs) or "ru_maxrss since process start" where that file
  // is not writable: then only the largest path can be told from the others.
  std::string method() const;

 private:
  int clear_refs_ = -1, status_ = -1;
};

}  // namespace dynexec
