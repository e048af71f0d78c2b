// What the processor is, from /proc and /sys.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace dynexec {

struct CpuCache {
  int level = 0;
  std::string type;  // "Data", "Instruction", "Unified"
  std::size_t bytes = 0;
  int shared_by = 1;  // logical CPUs
};

struct CpuInfo {
  std::string model;               // printable
  std::vector<std::string> flags;  // the ones that kernels dispatch on
  int logical = 0, physical = 0, sockets = 0, numa_nodes = 0;
  std::vector<CpuCache> caches;  // of the first CPU
  std::string governor, driver;  // "" where frequency scaling is not visible
  std::string boost;             // "on", "off" or "" for unknown
  bool hypervisor = false;
  double max_mhz = 0;  // 0: unknown

  std::size_t last_level_bytes() const;  // 0: unknown
};

// root: where proc/ and sys/ are.
CpuInfo read_cpu_info(const std::filesystem::path& root = "/");

}  // namespace dynexec
