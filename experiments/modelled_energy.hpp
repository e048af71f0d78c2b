// `hardware:` and `governor:` of a config, and what they say about a sample that ran.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "measure/contract.hpp"
#include "measure/hardware/walk_model.hpp"

namespace dynexec {

struct HardwareOptions {
  std::shared_ptr<const HardwareProfile> profile;
  std::string format;

  // resident_bytes: of all weights, as counted (fp32).
  HardwareModel model(double resident_bytes) const;
};

// hardware: {profile: configs/hardware/jetson_tx2.yaml, dtype: fp32}. nullopt without the section. The profile joins
// the provenance, so that a run under another one is another run. Throws Error(config).
std::optional<HardwareOptions> read_hardware(const Node& root, std::vector<Provenance>& provenance);

struct GovernorConfig {
  GovernorOptions options;
  bool real = false;  // control: cpufreq, the processors' frequency is changed while the path runs
  std::string sysfs;  // folder of the cpufreq policies
};

// governor: budget, or {rule: budget, deadline: 1, reserve: 0.5, control: model}, of one path. hardware: the config has
// a profile, without which the model has nothing to govern. Throws Error(config).
GovernorConfig read_governor(const Node& path, bool hardware);
// " governor=budget", to stand behind a path's settings; "" for none.
std::string describe(const GovernorConfig& governor);

// Work without parts: all of it at the highest frequency.
void model_energy(const HardwareModel& model, const Work& work, Outcome& outcome);
// outcome.work, part by part.
void model_energy(const WalkModel& replay, const Governor& governor, Outcome& outcome);

}  // namespace dynexec
