// Threads, processor, bandwidth and environment.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "measure/bandwidth.hpp"
#include "measure/build_info.hpp"
#include "measure/cpu_info.hpp"
#include "measure/environment.hpp"
#include "measure/threads.hpp"
#include "mock_experiment.hpp"

using namespace dynexec;
namespace fs = std::filesystem;

namespace {

ThreadChoice choose(const std::map<int, double>& ms_of, int requested, int cpus, int* used = nullptr) {
  Experiment experiment;
  experiment.probe_threads = [&](int threads) { return ms_of.at(threads); };
  experiment.set_threads = [&](int threads) {
    if (used) *used = threads;
  };
  return choose_threads(experiment, requested, cpus, 0.0005);
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("calibration takes the fewest threads that no larger count beats by more than 3 %") {
  int used = 0;
  const ThreadChoice faster = choose({{1, 100}, {2, 60}, {3, 50}, {4, 49}}, 0, 4, &used);
  CHECK(faster.threads == 3);
  CHECK(used == 3);
  CHECK(faster.calibrated);
  REQUIRE(faster.timings.size() == 4);
  CHECK(faster.timings[3].ms == 49);
  CHECK(faster.timings[3].probes >= 1);
  CHECK(choose({{1, 100}, {2, 5000}}, 0, 2).threads == 1);  // spinning threads on busy cores
  CHECK(choose({{1, 100}, {2, 99}}, 0, 2).threads == 1);
  CHECK(choose({{1, 100}, {2, 200}, {3, 90}}, 0, 3).threads == 3);
}

TEST_CASE("an asked-for count is taken without probing") {
  int used = 0;
  const ThreadChoice choice = choose({}, 6, 2, &used);
  CHECK(choice.threads == 6);
  CHECK(used == 6);
  CHECK_FALSE(choice.calibrated);
  CHECK(choose({}, 0, 1).threads == 1);
  Experiment bare;
  CHECK(choose_threads(bare, 0, 8).threads == 1);
}

TEST_CASE("this machine has a CPU, and its environment is described") {
  CHECK(available_cpus() >= 1);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  EnvironmentRequest request;
  request.versions = {{"libtorch", "2.13.0"}};
  const ThreadChoice choice = choose({{1, 100}, {2, 60}}, 0, 2);
  request.threads = &choice;
  const auto meter = make_energy_meter("none");
  request.energy = meter.get();
  Experiment experiment;
  experiment.provenance = {{"target", "models/a", "ab12", 1e6}};
  request.experiment = &experiment;
  nlohmann::json environment = describe_environment(request);
  finish_environment(environment);
  CHECK(environment["command"].get<std::string>().find("unit_measure") != std::string::npos);
  CHECK(environment["cpu"]["logical"] >= 1);
  CHECK(environment["memory"]["total_mb"] > 0);
  CHECK_FALSE(environment["system"]["kernel"].get<std::string>().empty());
  CHECK(environment["versions"]["libtorch"] == "2.13.0");
  CHECK(environment["variables"]["OMP_WAIT_POLICY"] == "passive");
  CHECK(environment["threads"]["used"] == 2);
  CHECK(environment["threads"]["calibration"].size() == 2);
  CHECK(environment["energy"]["source"] == "unavailable");
  CHECK(environment["sources"][0]["sha256"] == "ab12");
  CHECK(environment["build"]["revision"] == build_info().revision);
  for (const char* key : {"start_utc", "end_utc"}) {
    const std::string time = environment[key];
    CHECK(time.size() == 20);
    CHECK(time.back() == 'Z');
  }
  CHECK(environment["start_utc"].get<std::string>() <= environment["end_utc"].get<std::string>());
  CHECK_NOTHROW(environment.dump());
}

TEST_CASE("a resumed run keeps the time it was started, whatever the earlier file holds") {
  const nlohmann::json fresh = {{"start_utc", "2030-01-02T03:04:05Z"}};
  nlohmann::json resumed = fresh;
  continue_environment(resumed, R"({"start_utc": "2029-01-01T00:00:00Z", "cpu": {}})");
  CHECK(resumed["start_utc"] == "2029-01-01T00:00:00Z");
  CHECK(resumed["resumed_utc"] == "2030-01-02T03:04:05Z");
  for (const char* damaged : {"", "[", "[]", "{}", R"({"start_utc": 3})"}) {
    nlohmann::json same = fresh;
    continue_environment(same, damaged);
    CHECK(same == fresh);
  }
}

TEST_CASE("the environment names the paths that did not warm up") {
  nlohmann::json environment;
  mock::Bench bench(2, {"calm", "wild"});
  BenchResult result;
  result.warmup = {{.runs = 4, .stable = true, .cv = 0.01, .cpu_share = 1},
                   {.runs = 8, .stable = false, .cv = kMissing, .cpu_share = 1}};
  add_warmup(environment, bench.experiment, result);
  CHECK(environment["warmup"][0] ==
        nlohmann::json({{"path", "calm"}, {"runs", 4}, {"stable", true}, {"variation", 0.01}}));
  CHECK(environment["warmup"][1]["stable"] == false);
  CHECK(environment["warmup"][1]["variation"].is_null());
}

TEST_CASE("processor files of other machines are understood") {
  const fs::path root = fs::temp_directory_path() / ("dynexec-cpu-" + std::to_string(getpid()));
  fs::remove_all(root);
  write(root / "proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Some\x01 CPU @ 2.5GHz\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: "
        "fpu avx2 "
        "avx512f hypervisor\n\nprocessor\t: 1\nmodel name\t: Some CPU\nphysical id\t: 0\ncore id\t\t: 0\n\n"
        "processor\t: 2\nphysical id\t: 1\ncore id\t\t: 0\npower management:\n");
  const fs::path cpus = root / "sys/devices/system/cpu";
  write(cpus / "cpu0/cache/index0/level", "1\n");
  write(cpus / "cpu0/cache/index0/type", "Data\n");
  write(cpus / "cpu0/cache/index0/size", "32K\n");
  write(cpus / "cpu0/cache/index0/shared_cpu_list", "0-1\n");
  write(cpus / "cpu0/cache/index1/level", "3\n");
  write(cpus / "cpu0/cache/index1/type", "Unified\n");
  write(cpus / "cpu0/cache/index1/size", "36M\n");
  write(cpus / "cpu0/cache/index1/shared_cpu_list", "0-1,4,6-7\n");
  write(cpus / "cpu0/cpufreq/scaling_governor", "powersave\n");
  write(cpus / "intel_pstate/no_turbo", "1\n");
  const CpuInfo cpu = read_cpu_info(root);
  CHECK(cpu.model == "Some\\x01 CPU @ 2.5GHz");
  CHECK(cpu.logical == 3);
  CHECK(cpu.physical == 2);
  CHECK(cpu.sockets == 2);
  CHECK(cpu.hypervisor);
  CHECK(cpu.flags == std::vector<std::string>{"avx2", "avx512f"});
  REQUIRE(cpu.caches.size() == 2);
  CHECK(cpu.caches[1].shared_by == 5);
  CHECK(cpu.last_level_bytes() == std::size_t{36} << 20);
  CHECK(cpu.governor == "powersave");
  CHECK(cpu.boost == "off");
  fs::remove_all(root);
  CHECK(read_cpu_info(root).model == "");
}

TEST_CASE("the bandwidth probe gives a plausible rate, and is measured once") {
  const Bandwidth& bandwidth = read_bandwidth(2);
  REQUIRE(bandwidth.points.size() == 2);
  CHECK(bandwidth.points[0].gb_per_s > 0.01);  // instrumented builds on a busy machine read slowly
  CHECK(bandwidth.points[0].gb_per_s < 2000);
  CHECK(bandwidth.at(2) >= bandwidth.at(1));
  CHECK(bandwidth.at(1) == bandwidth.points[0].gb_per_s);
  CHECK(bandwidth.buffer_bytes <= std::size_t{1} << 30);
  CHECK(&read_bandwidth(1) == &bandwidth);
  MESSAGE("1 thread " << bandwidth.at(1) << " GB/s, 2 threads " << bandwidth.at(2) << " GB/s");
}
