#include "measure/environment.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/text.hpp"
#include "measure/build_info.hpp"
#include "measure/clock.hpp"
#include "measure/cpu_info.hpp"
#include "measure/memory.hpp"

namespace dynexec {
namespace {

using nlohmann::json;

// Everything that changes how many threads run, where, and whether they spin.
constexpr std::array kVariables = {
    "OMP_NUM_THREADS", "OMP_WAIT_POLICY",         "OMP_PROC_BIND",       "OMP_PLACES",           "OMP_DYNAMIC",
    "GOMP_SPINCOUNT",  "GOMP_CPU_AFFINITY",       "KMP_BLOCKTIME",       "KMP_AFFINITY",         "MKL_NUM_THREADS",
    "MKL_DYNAMIC",     "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA",  "OPENBLAS_NUM_THREADS", "ATEN_CPU_CAPABILITY",
    "LD_PRELOAD",      "MALLOC_ARENA_MAX",        "CUDA_VISIBLE_DEVICES"};

json text_or_null(const std::string& text) {
  return text.empty() ? json() : json(escape_control(text));
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

json cpu_json() {
  const CpuInfo cpu = read_cpu_info();
  json caches = json::array();
  for (const CpuCache& cache : cpu.caches)
    caches.push_back(
        {{"level", cache.level}, {"type", cache.type}, {"kib", cache.bytes / 1024}, {"shared_by", cache.shared_by}});
  return {{"model", text_or_null(cpu.model)},
          {"flags", cpu.flags},
          {"logical", cpu.logical},
          {"physical", cpu.physical},
          {"sockets", cpu.sockets},
          {"numa_nodes", cpu.numa_nodes},
          {"available", available_cpus()},
          {"caches", caches},
          {"max_mhz", cpu.max_mhz > 0 ? json(cpu.max_mhz) : json()},
          {"governor", text_or_null(cpu.governor)},
          {"scaling_driver", text_or_null(cpu.driver)},
          {"boost", text_or_null(cpu.boost)},
          {"hypervisor", cpu.hypervisor}};
}

json memory_json() {
  json memory = json::object();
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  double kib = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    if (!(words >> key >> kib)) continue;
    if (key == "MemTotal:") memory["total_mb"] = kib * 1024 / 1e6;
    if (key == "MemAvailable:") memory["available_mb"] = kib * 1024 / 1e6;
    if (key == "SwapTotal:") memory["swap_mb"] = kib * 1024 / 1e6;
  }
  memory["transparent_huge_pages"] = text_or_null(first_line("/sys/kernel/mm/transparent_hugepage/enabled"));
  return memory;
}

// As the driver of NVIDIA lists them, CUDA_VISIBLE_DEVICES left aside.
json gpus_json() {
  json gpus = json::array();
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    std::ifstream file(entry.path() / "information");
    for (std::string line; std::getline(file, line);) {
      constexpr std::string_view label = "Model:";
      if (!line.starts_with(label)) continue;
      const std::size_t begin = line.find_first_not_of(" \t", label.size());
      if (begin != std::string::npos) gpus.push_back(escape_control(line.substr(begin)));
    }
  }
  return gpus;
}

json system_json() {
  utsname name{};
  uname(&name);
  return {{"node", escape_control(name.nodename)},
          {"kernel", escape_control(std::string(name.sysname) + " " + name.release)},
          {"machine", escape_control(name.machine)},
          {"aslr", text_or_null(first_line("/proc/sys/kernel/randomize_va_space"))}};
}

json build_json() {
  const BuildInfo& build = build_info();
  return {{"version", build.version}, {"revision", build.revision},   {"compiler", build.compiler},
          {"type", build.type},       {"sanitizer", build.sanitizer}, {"optimised", build.optimised}};
}

json load_json() {
  std::array<double, 3> load{};
  if (getloadavg(load.data(), 3) != 3) return {};
  return load;
}

// Clock ticks of all CPUs since boot: everything, and what the hypervisor gave to others while a CPU was
// wanted.
struct Ticks {
  double all = 0, stolen = 0;
};
Ticks read_ticks() {
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  Ticks ticks;
  // user nice system idle iowait irq softirq steal; guest times are already in user and nice.
  for (int field = 0; field < 8; ++field) {
    double value = 0;
    if (!(file >> value)) break;
    ticks.all += value;
    if (field == 7) ticks.stolen = value;
  }
  return ticks;
}

// The arguments that the process was started with, quoted for a shell where they need it.
std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text, argument;
  while (std::getline(file, argument, '\0')) {
    const bool plain = !argument.empty() && argument.find_first_not_of(
                                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                "0123456789_-./=,:+@%") == std::string::npos;
    if (!text.empty()) text += ' ';
    if (plain) {
      text += argument;
      continue;
    }
    text += '\'';
    for (const char c : argument) text += c == '\'' ? "'\\''" : std::string(1, c);
    text += '\'';
  }
  return text;
}

json threads_json(const ThreadChoice& choice) {
  json timings = json::array();
  for (const ThreadTiming& timing : choice.timings)
    timings.push_back({{"threads", timing.threads}, {"ms", timing.ms}, {"probes", timing.probes}});
  return {{"used", choice.threads}, {"calibrated", choice.calibrated}, {"calibration", timings}};
}

json bandwidth_json(const Bandwidth& bandwidth) {
  json points = json::array();
  for (const BandwidthPoint& point : bandwidth.points)
    points.push_back({{"threads", point.threads}, {"gb_per_s", point.gb_per_s}});
  return {{"buffer_mb", static_cast<double>(bandwidth.buffer_bytes) / 1e6}, {"read", points}};
}

json provenance_json(const Experiment& experiment) {
  json sources = json::array();
  for (const Provenance& source : experiment.provenance)
    sources.push_back({{"role", source.role},
                       {"path", escape_control(source.path)},
                       {"sha256", source.sha256},
                       {"parameters", source.parameters}});
  return sources;
}

}  // namespace

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

json describe_environment(const EnvironmentRequest& request) {
  const TimerQuality timer = measure_timer();
  const Ticks ticks = read_ticks();
  json variables = json::object();
  for (const char* name : kVariables)
    if (const char* value = std::getenv(name)) variables[name] = escape_control(value);
  json versions = json::object();
  for (const auto& [name, version] : request.versions) versions[name] = escape_control(version);

  json out = {{"start_utc", utc_now()},
              {"command", escape_control(command_line())},
              {"system", system_json()},
              {"cpu", cpu_json()},
              {"gpus", gpus_json()},
              {"memory", memory_json()},
              {"build", build_json()},
              {"versions", versions},
              {"variables", variables},
              {"timer", {{"resolution_ns", timer.resolution_ns}, {"call_ns", timer.call_ns}}},
              {"peak_memory", PeakMemory().method()},
              {"load", {{"start", load_json()}, {"ticks", ticks.all}, {"stolen_ticks", ticks.stolen}}}};
  if (request.threads) out["threads"] = threads_json(*request.threads);
  if (request.bandwidth) out["bandwidth"] = bandwidth_json(*request.bandwidth);
  if (request.energy)
    out["energy"] = {{"source", request.energy->source()}, {"reason", text_or_null(request.energy->reason())}};
  if (request.experiment) out["sources"] = provenance_json(*request.experiment);
  return out;
}

void continue_environment(json& environment, const std::string& earlier) {
  const json before = json::parse(earlier, nullptr, false);
  if (!before.is_object()) return;
  const auto start = before.find("start_utc");
  if (start == before.end() || !start->is_string()) return;
  environment["resumed_utc"] = environment["start_utc"];
  environment["start_utc"] = *start;
}

void add_warmup(json& environment, const Experiment& experiment, const BenchResult& result) {
  json paths = json::array();
  for (std::size_t i = 0; i < result.warmup.size(); ++i) {
    const PathWarmup& warmup = result.warmup[i];
    paths.push_back({{"path", escape_control(experiment.paths[i]->info().name)},
                     {"runs", warmup.runs},
                     {"stable", warmup.stable},
                     {"variation", std::isfinite(warmup.cv) ? json(warmup.cv) : json()}});
  }
  environment["warmup"] = paths;
}

void finish_environment(json& environment) {
  environment["end_utc"] = utc_now();
  json& load = environment["load"];
  load["end"] = load_json();
  const Ticks now = read_ticks();
  // Ticks count from boot: after a reboot the two readings do not belong together.
  const double all = now.all - load.value("ticks", 0.0), stolen = now.stolen - load.value("stolen_ticks", 0.0);
  load["stolen_share"] = all > 0 && stolen >= 0 ? json(stolen / all) : json();
}

}  // namespace dynexec
