#include "experiments/modelled_energy.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

Node node(const std::string& yaml) {
  return Config::parse(yaml, "test.yaml", {}).root();
}

std::string profile(const std::string& name) {
  return std::string(DYNEXEC_SOURCE_DIR) + "/configs/hardware/" + name + ".yaml";
}

void check_refused(const std::string& yaml, bool hardware, const std::string& words) {
  CAPTURE(yaml);
  try {
    read_governor(node(yaml), hardware);
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    CHECK(error.where().find("test.yaml:") == 0);
    CHECK((error.message() + error.hint()).find(words) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("the hardware section names a profile, which joins the provenance") {
  std::vector<Provenance> provenance;
  CHECK_FALSE(read_hardware(node("a: 1"), provenance));
  CHECK(provenance.empty());
  const auto options = read_hardware(node("hardware: {profile: " + profile("server_cpu") + "}"), provenance);
  REQUIRE(options);
  CHECK(options->format == "fp32");
  REQUIRE(provenance.size() == 1);
  CHECK(provenance[0].role == "hardware");
  CHECK(provenance[0].sha256.size() == 64);
  CHECK(read_hardware(node("hardware: {dtype: int8, profile: " + profile("server_cpu") + "}"), provenance)->format ==
        "int8");
  CHECK_THROWS_AS(read_hardware(node("hardware: {dtype: fp8, profile: " + profile("server_cpu") + "}"), provenance),
                  Error);
  CHECK_THROWS_AS(read_hardware(node("hardware: {profile: nowhere.yaml}"), provenance), Error);
  CHECK_THROWS_AS(read_hardware(node("hardware: {}"), provenance), Error);
}

TEST_CASE("governors are read in both forms, and described") {
  CHECK(read_governor(node("name: p"), false).options.rule == GovernorRule::none);
  CHECK(describe(read_governor(node("name: p"), false)).empty());
  CHECK(describe(read_governor(node("governor: published"), true)) == " governor=published");
  const GovernorConfig full = read_governor(node("governor: {rule: budget, deadline: 1.5, reserve: 0.25}"), true);
  CHECK(full.options.deadline == 1.5);
  CHECK(full.options.reserve == 0.25);
  CHECK(describe(full) == " governor=budget deadline=1.5 reserve=0.25");
  CHECK_FALSE(read_governor(node("governor: {rule: budget}"), true).options.reserve.has_value());
  const GovernorConfig real = read_governor(node("governor: {rule: published, control: cpufreq, sysfs: x}"), false);
  CHECK(real.real);
  CHECK(real.sysfs == "x");
  check_refused("governor: fast", true, "budget");
  check_refused("governor: budget", false, "hardware profile");
  check_refused("governor: {rule: budget, control: cpufreq}", false, "reserve");
  check_refused("governor: {rule: budget, reserve: 2}", true, "reserve");
  check_refused("governor: {rule: budget, deadline: 0}", true, "deadline");
  check_refused("governor: {rule: budget, control: magic}", true, "cpufreq");
}

TEST_CASE("the figures of an outcome, and the converters' share where there are arrays") {
  std::vector<Provenance> provenance;
  const auto digital = read_hardware(node("hardware: {profile: " + profile("jetson_tx2") + "}"), provenance);
  const auto analogue = read_hardware(node("hardware: {profile: " + profile("analogue_cim") + "}"), provenance);
  const Work work{.macs = 1e8, .weight_bytes = 4e6};
  Outcome outcome;
  model_energy(digital->model(4e6), work, outcome);
  // 10^8 at 333 x 0.25 GMAC/s: 1.2 ms; 4 MB at 58.4 GB/s: 0.07 ms.
  CHECK(outcome.modelled.latency_ms == Approx(1e8 / (6.659e11 / 2 * 0.25) * 1e3 + 4e6 / 58.4e9 * 1e3));
  CHECK(outcome.modelled.profile == "Jetson TX2 (GPU)");
  CHECK(outcome.modelled.adc_share < 0);
  const double digital_joules = outcome.modelled.energy_j;
  model_energy(analogue->model(4e6), work, outcome);
  CHECK(outcome.modelled.adc_share > 0.3);
  CHECK(outcome.modelled.adc_share < 0.6);
  // A million weights stay in their cells, where the digital machine fetches and computes: the point of such a chip.
  CHECK(outcome.modelled.energy_j < digital_joules / 50);
}
