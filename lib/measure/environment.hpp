// The machine and the build that a run was measured on, for environment.json.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "measure/bandwidth.hpp"
#include "measure/bench_loop.hpp"
#include "measure/energy.hpp"
#include "measure/threads.hpp"

namespace dynexec {

struct EnvironmentRequest {
  std::map<std::string, std::string> versions;  // "libtorch": "2.13.0", ... from the caller
  const ThreadChoice* threads = nullptr;
  const Bandwidth* bandwidth = nullptr;
  const EnergyMeter* energy = nullptr;
  const Experiment* experiment = nullptr;  // for the hashes of models and data
};

// The command, CPU model, the flags that kernels use, cores, caches, governor, hypervisor, GPUs, memory, kernel, load,
// compiler, build, revision, OMP settings, and what the request holds. "start_utc" is the time of this call.
nlohmann::json describe_environment(const EnvironmentRequest& request);

// Adds "end_utc", the load at the end, and the share of CPU time that the hypervisor gave to others since the
// start. Called again on a resumed run it moves the end.
void finish_environment(nlohmann::json& environment);

// On a resumed run: takes over "start_utc" from what an earlier call has written, and notes when this one began as
// "resumed_utc". Anything else in `earlier`, or a text that is no such file, is ignored.
void continue_environment(nlohmann::json& environment, const std::string& earlier);

// Adds "warmup": for every path the runs, whether they became stable, and their variation.
void add_warmup(nlohmann::json& environment, const Experiment& experiment, const BenchResult& result);

std::string utc_now();  // ISO 8601, seconds

}  // namespace dynexec
