#include "experiments/modelled_energy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/resource_path.hpp"
#include "base/sha256.hpp"

namespace dynexec {
namespace {

constexpr double kCountedBits = 32;

void fill(const HardwareModel& model, const WorkCost& cost, Outcome& outcome) {
  outcome.modelled.profile = model.profile().name;
  outcome.modelled.energy_j = cost.joules;
  outcome.modelled.latency_ms = cost.ms;
  if (model.profile().cim && cost.joules > 0) outcome.modelled.adc_share = cost.adc_joules / cost.joules;
}

}  // namespace

HardwareModel HardwareOptions::model(double resident_bytes) const {
  return HardwareModel(
      {.profile = profile, .format = format, .counted_bits = kCountedBits, .resident_bytes = resident_bytes});
}

std::optional<HardwareOptions> read_hardware(const Node& root, std::vector<Provenance>& provenance) {
  const std::optional<Node> node = root.find("hardware");
  if (!node) return std::nullopt;
  HardwareOptions options;
  const std::string path = node->get_string("profile");
  const std::string file = resolve_path(path).string();
  options.profile = std::make_shared<const HardwareProfile>(HardwareProfile::load(file));
  const std::vector<std::string> formats = options.profile->format_names();
  options.format = node->get_string("dtype", formats.front());
  if (!options.profile->find_format(options.format))
    node->at("dtype").fail(fmt::format("is '{}', which {} does not describe", options.format, path),
                           fmt::format("use {}", fmt::join(formats, " or ")));
  provenance.push_back({.role = "hardware", .path = path, .sha256 = sha256_file(file), .parameters = 0});
  return options;
}

GovernorConfig read_governor(const Node& path, bool hardware) {
  GovernorConfig config;
  const std::optional<Node> node = path.find("governor");
  if (!node) return config;
  if (!node->is_map()) {
    config.options.rule = governor_rule(path.get_choice("governor", "none", governor_names()));
  } else {
    config.options.rule = governor_rule(node->get_choice("rule", "budget", governor_names()));
    const GovernorRule wanted = config.options.rule;
    if (wanted == GovernorRule::budget || wanted == GovernorRule::constant)
      config.options.deadline = node->get_double("deadline", 1, 0.1, 100);
    if (wanted == GovernorRule::budget && node->has("reserve"))
      config.options.reserve = node->get_double("reserve", 1, 0, 1);
    config.real = node->get_choice("control", "model", {"model", "cpufreq"}) == "cpufreq";
    if (config.real) config.sysfs = node->get_string("sysfs", "/sys/devices/system/cpu/cpufreq");
  }
  const GovernorRule rule = config.options.rule;
  if (rule != GovernorRule::none && !hardware && (!config.real || needs_calibration(config.options)))
    path.at("governor")
        .fail("has no hardware profile to work on",
              config.real ? "set a reserve, or add hardware: {profile: configs/hardware/server_cpu.yaml}"
                          : "add hardware: {profile: configs/hardware/jetson_tx2.yaml} to the config");
  return config;
}

std::string describe(const GovernorConfig& governor) {
  const GovernorOptions& options = governor.options;
  if (options.rule == GovernorRule::none) return "";
  std::string text = " governor=" + governor_names()[static_cast<std::size_t>(options.rule)];
  if (options.deadline != 1) text += fmt::format(" deadline={:g}", options.deadline);
  if (options.reserve) text += fmt::format(" reserve={:g}", *options.reserve);
  return governor.real ? text + " cpufreq" : text;
}

void model_energy(const HardwareModel& model, const Work& work, Outcome& outcome) {
  fill(model, model.cost(work, model.top()), outcome);
}

void model_energy(const WalkModel& replay, const Governor& governor, Outcome& outcome) {
  const ModelledRun run = replay.run(outcome.work, governor);
  fill(replay.model(), {.ms = run.ms, .joules = run.joules, .adc_joules = run.adc_joules}, outcome);
}

}  // namespace dynexec
