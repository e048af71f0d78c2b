// The kernel's cpufreq files: real control of the processors' frequency, where they may be written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dynexec {

// Holds the processors at chosen frequencies until it is destroyed or restored. A process that is killed outright
// (SIGKILL, or a second Ctrl-C) leaves the last frequency behind; SIGINT and SIGTERM unwind and restore.
class Cpufreq {
 public:
  // root: the folder of policy0, policy1 ... Uses scaling_setspeed under the userspace governor where both can be
  // written, else scaling_min_freq and scaling_max_freq. Reads the state to restore, then holds the highest level.
  // Throws Error(config) saying which file is in the way; everything is then as it was.
  explicit Cpufreq(std::filesystem::path root = "/sys/devices/system/cpu/cpufreq");
  ~Cpufreq();
  Cpufreq(const Cpufreq&) = delete;
  Cpufreq& operator=(const Cpufreq&) = delete;

  // "userspace" or "limits".
  const std::string& method() const { return method_; }
  // Of the first policy, ascending. Without a table of levels: eight even steps from the lowest to the highest.
  const std::vector<double>& mhz() const { return mhz_; }
  std::size_t level() const { return level_; }

  // Writes only when the level changes. Policies with another range get the same share of their highest frequency,
  // rounded up. Throws Error(io) when a file cannot be written any more.
  void set(std::size_t level);
  // Puts everything back. Tries every file, then throws Error(io) for the first that failed.
  void restore();

 private:
  struct Policy {
    std::filesystem::path folder;
    std::vector<long> khz;          // ascending, within the limits found
    std::string governor, speed;    // as found
    long min_khz = 0, max_khz = 0;  // as found
    long held_khz = 0;              // as last written
  };
  static Policy read_policy(const std::filesystem::path& folder);
  void take_control();
  void hold(Policy& policy, long khz);
  std::string put_back() noexcept;

  std::vector<Policy> policies_;
  std::string method_;
  std::vector<double> mhz_;
  std::size_t level_ = 0;
  bool active_ = false;
};

}  // namespace dynexec
