#include "measure/cpu_info.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "base/text.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 26> kFlags = {
    "sse4_2",   "avx",      "avx2",     "fma",        "f16c",        "avx_vnni",    "avx512f",
    "avx512bw", "avx512cd", "avx512dq", "avx512vl",   "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_tile", "amx_int8", "amx_bf16", "hypervisor", "asimd",       "asimddp",     "asimdhp",
    "i8mm",     "bf16",     "sve",      "sve2",       "avx512_vbmi2"};

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return escape_control(line);
}

// "32K", "1024K", "32M" as the kernel writes cache sizes.
std::size_t parse_size(const std::string& text) {
  char* end = nullptr;
  const unsigned long long number = std::strtoull(text.c_str(), &end, 10);
  const std::size_t unit = *end == 'K' ? 1024 : *end == 'M' ? 1024 * 1024 : *end == 'G' ? 1024 * 1024 * 1024 : 1;
  return static_cast<std::size_t>(number) * unit;
}

// The number of CPUs in a list such as "0-3,8".
int count_list(const std::string& list) {
  int count = 0;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t dash = part.find('-');
    const int low = std::atoi(part.c_str());
    const int high = dash == std::string::npos ? low : std::atoi(part.c_str() + dash + 1);
    count += std::max(0, high - low + 1);
  }
  return std::max(1, count);
}

void read_cpuinfo(const fs::path& path, CpuInfo& info) {
  std::ifstream file(path);
  std::set<std::string> sockets, cores;
  std::string socket = "0";
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (key == "processor") ++info.logical;
    if (key == "model name" && info.model.empty()) info.model = escape_control(value);
    if (key == "CPU part" && info.model.empty()) info.model = "ARM part " + escape_control(value);
    if (key == "physical id") sockets.insert(socket = value);
    if (key == "core id") cores.insert(socket + ":" + value);
    if ((key == "flags" || key == "Features") && info.flags.empty()) {
      std::istringstream words(value);
      for (std::string word; words >> word;)
        if (std::find(kFlags.begin(), kFlags.end(), word) != kFlags.end()) info.flags.push_back(word);
    }
  }
  info.sockets = std::max<int>(1, static_cast<int>(sockets.size()));
  info.physical = cores.empty() ? info.logical : static_cast<int>(cores.size());
  const auto hypervisor = std::find(info.flags.begin(), info.flags.end(), "hypervisor");
  info.hypervisor = hypervisor != info.flags.end();
  if (info.hypervisor) info.flags.erase(hypervisor);
}

void read_caches(const fs::path& folder, CpuInfo& info) {
  for (int index = 0; index < 16; ++index) {
    const fs::path cache = folder / ("index" + std::to_string(index));
    const std::string level = first_line(cache / "level");
    if (level.empty()) return;
    info.caches.push_back({std::atoi(level.c_str()), first_line(cache / "type"), parse_size(first_line(cache / "size")),
                           count_list(first_line(cache / "shared_cpu_list"))});
  }
}

}  // namespace

std::size_t CpuInfo::last_level_bytes() const {
  int level = 0;
  std::size_t bytes = 0;
  for (const CpuCache& cache : caches) {
    if (cache.level < level || cache.type == "Instruction") continue;
    level = cache.level;
    bytes = cache.bytes;
  }
  return bytes;
}

CpuInfo read_cpu_info(const fs::path& root) {
  CpuInfo info;
  read_cpuinfo(root / "proc/cpuinfo", info);
  const fs::path cpus = root / "sys/devices/system/cpu", scaling = cpus / "cpu0/cpufreq";
  read_caches(cpus / "cpu0/cache", info);
  info.governor = first_line(scaling / "scaling_governor");
  info.driver = first_line(scaling / "scaling_driver");
  info.max_mhz = std::atof(first_line(scaling / "cpuinfo_max_freq").c_str()) / 1000;
  const std::string boost = first_line(cpus / "cpufreq/boost"), no_turbo = first_line(cpus / "intel_pstate/no_turbo");
  if (!boost.empty()) info.boost = boost == "0" ? "off" : "on";
  if (!no_turbo.empty()) info.boost = no_turbo == "1" ? "off" : "on";
  std::error_code error;
  for (fs::directory_iterator node(root / "sys/devices/system/node", error), end; !error && node != end;
       node.increment(error)) {
    const std::string name = node->path().filename().string();
    if (name.rfind("node", 0) == 0 && name.size() > 4 && name[4] >= '0' && name[4] <= '9') ++info.numa_nodes;
  }
  info.numa_nodes = std::max(1, info.numa_nodes);
  return info;
}

}  // namespace dynexec
