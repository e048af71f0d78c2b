// dynexec doctor: what this machine can do, and what would disturb a benchmark on it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/versions.hpp"
#include "kernels/linear.hpp"
#include "kernels/peak_rates.hpp"
#include "measure/bandwidth.hpp"
#include "measure/build_info.hpp"
#include "measure/clock.hpp"
#include "measure/cpu_info.hpp"
#include "measure/energy.hpp"
#include "measure/threads.hpp"
#include "models/compute_device.hpp"

namespace dynexec::cli {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> find_problems(const CpuInfo& cpu, const TimerQuality& timer) {
  std::vector<std::string> problems;
  double load = 0;
  if (getloadavg(&load, 1) == 1 && load > 0.5)
    problems.push_back(fmt::format("load average is {:.2f}: stop other work, or rows will be disturbed", load));
  if (!build_info().optimised) problems.push_back("this is a debug build: results will be marked invalid");
  if (!build_info().sanitizer.empty()) problems.push_back("this is a sanitizer build: results will be marked invalid");
  if (!cpu.governor.empty() && cpu.governor != "performance")
    problems.push_back(fmt::format("CPU governor is '{}': set 'performance' for steady clocks", cpu.governor));
  if (timer.resolution_ns > 1000) problems.push_back("the clock is coarser than 1 us: short runs are not resolved");
  if (cpu.hypervisor)
    problems.push_back(
        "this is a virtual machine: neighbours may take CPU time and memory bandwidth; trust ratios of one run");
  return problems;
}

}  // namespace

int doctor(const DoctorArgs& args) {
  const CpuInfo cpu = read_cpu_info();
  const TimerQuality timer = measure_timer();
  const int cpus = available_cpus();
  const Bandwidth& bandwidth = read_bandwidth(cpus);
  const auto energy = make_energy_meter("auto");
  const std::optional<DeviceProblem> cuda = device_problem(ComputeDevice::cuda);

  Json json{{"version", build_info().version},
            {"revision", build_info().revision},
            {"compiler", build_info().compiler},
            {"build", build_info().type},
            {"cpu", cpu.model},
            {"cpus_available", cpus},
            {"cpu_flags", cpu.flags},
            {"last_level_cache_mb", static_cast<double>(cpu.last_level_bytes()) / 1e6},
            {"kernel_branches", kernel_branches()},
            {"kernel_branch", active_kernel_branch()},
            {"timer_resolution_ns", timer.resolution_ns},
            {"timer_call_ns", timer.call_ns},
            {"energy_source", energy->source()},
            {"device_cuda", cuda ? cuda->what : "can be used"}};
  for (const auto& [name, version] : library_versions())
    if (name != "kernels") json[name] = version;
  for (const BandwidthPoint& point : bandwidth.points)
    json[fmt::format("read_gb_per_s_{}_threads", point.threads)] = point.gb_per_s;
  std::vector<int> counts{1};
  if (cpus > 1) counts.push_back(cpus);
  for (const PeakRate& rate : measure_peak_rates(counts))
    json[fmt::format("peak_{}_gmac_per_s_{}_threads", rate.numbers, rate.threads)] = rate.gmac_per_s;
  json["problems"] = find_problems(cpu, timer);

  const Format format = parse_format(args.format);
  if (format == Format::json) {
    print(json.dump(2) + "\n");
    return 0;
  }
  TextTable table{.columns = {{"item", true}, {"value", true}}, .rows = {}};
  for (const auto& [key, value] : json.items()) {
    if (key == "problems") continue;
    std::string text = value.dump();
    if (value.is_string()) text = value.get<std::string>();
    if (value.is_number_float()) text = fmt::format("{:.2f}", value.get<double>());
    if (value.is_array()) text = fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), " "));
    table.rows.push_back({{key}, {text}});
  }
  std::string text = format == Format::md ? render_markdown_table(table) : render_text_table(table, stdout_style());
  for (const Json& problem : json["problems"]) text += "note: " + problem.get<std::string>() + "\n";
  print(text);
  return 0;
}

}  // namespace dynexec::cli
