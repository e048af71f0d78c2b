// Paths of a multi-exit network under a profile and on processors whose frequency they set.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "experiments/early_exit/path.hpp"
#include "scripted_network.hpp"
#include "tests/unit/measure/toy_profile.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;
using namespace dynexec::fixture;
using doctest::Approx;
namespace fs = std::filesystem;

namespace {

// Input i is sure from exit i on; five exits.
std::vector<std::vector<Scripted::Answer>> script() {
  std::vector<std::vector<Scripted::Answer>> inputs;
  for (int i = 0; i < 5; ++i) {
    std::vector<Scripted::Answer> exits;
    for (int exit = 0; exit < 6; ++exit) exits.push_back({i % 4, exit < i ? 0.5f : 9.0f});
    inputs.push_back(exits);
  }
  return inputs;
}

std::shared_ptr<Shared> shared_script(std::unique_ptr<MultiExit> network) {
  auto shared = std::make_shared<Shared>();
  shared->network = std::move(network);
  for (int i = 0; i < 5; ++i) shared->calibration.push_back(input(i));
  shared->calibration_ms = 1;
  return shared;
}

// Changes of the frequency are free: the network's layers take a fifth of a microsecond.
HardwareOptions toy_hardware() {
  auto profile = std::make_shared<HardwareProfile>(*dynexec_test::profile_of(
      dynexec_test::toy_yaml("0.01", dynexec_test::toy_points("[500, 1000]", "[0.5, 1.0]", "0"))));
  profile->points->switch_uj.value = 0;
  return {.profile = profile, .format = "fp32"};
}

PathOptions options_of(Method method, const GovernorOptions& governor) {
  PathOptions options{.node = config_node("a: 1")};
  options.name = "p";
  options.method = method;
  options.rule = {.name = "confidence", .threshold = 0.9};
  options.governor.options = governor;
  return options;
}

Outcome run(Path& path, std::size_t index) {
  const std::vector<Sample> samples{sample(index)};
  const std::vector<Streams> streams{{1, index, 0}};
  Outcome outcome = path.run(samples, streams, {}).front();
  path.analyse(samples[0], streams[0], outcome);
  return outcome;
}

// Writes down the frequency at which layers begin.
class Watching : public Scripted {
 public:
  Watching(fs::path speed, std::vector<std::string>& seen)
      : Scripted(script()), speed_(std::move(speed)), seen_(seen) {}
  void run_layers_to(std::size_t exit) override {
    std::ifstream file(speed_);
    std::string text;
    file >> text;
    seen_.push_back(text);
    Scripted::run_layers_to(exit);
  }

 private:
  fs::path speed_;
  std::vector<std::string>& seen_;
};

}  // namespace

TEST_CASE("the whole network is the baseline under the model, and a governor saves energy within its deadline") {
  const auto shared = shared_script(std::make_unique<Scripted>(script()));
  shared->hardware = toy_hardware();
  // All five inputs in each third of the calibration samples, the last of which is for governors.
  for (int i = 5; i < 15; ++i) shared->calibration.push_back(input(i % 5));
  shared->paths = {options_of(Method::early_exit, {.rule = GovernorRule::constant, .deadline = 4})};
  CHECK(shared->recorded().samples() == 10);
  CHECK(shared->recorded_for_governors().samples() == 5);
  const auto path_of = [&](Method method, const GovernorOptions& governor) {
    auto path = make_path(shared, options_of(method, governor));
    path->prepare();
    return path;
  };
  const auto full = path_of(Method::full, {}), full_budget = path_of(Method::full, {.rule = GovernorRule::budget});
  const auto plain = path_of(Method::early_exit, {});
  const auto slow = path_of(Method::early_exit, {.rule = GovernorRule::budget, .deadline = 4, .reserve = 1.0});
  const auto constant = path_of(Method::early_exit, {.rule = GovernorRule::constant, .deadline = 4});
  // Six parts of 100 multiply-accumulates and a head of 10 at 0.5 x 10^9 a second: 1.22 us.
  CHECK(run(*full, 2).modelled.latency_ms == Approx(1.22e-3));
  CHECK(run(*full_budget, 2).modelled.energy_j == run(*full, 2).modelled.energy_j);
  // Input 2 leaves at exit 2: 3 x 100 + 3 x 10 at full speed.
  CHECK(run(*plain, 2).modelled.latency_ms == Approx(0.66e-3));
  const Modelled governed = run(*slow, 2).modelled;
  CHECK(governed.latency_ms == Approx(0.22e-3 + 2 * 0.44e-3));  // behind exit 0 at half the frequency
  CHECK(governed.energy_j < run(*plain, 2).modelled.energy_j);
  CHECK(run(*constant, 2).modelled.latency_ms == Approx(2 * 0.66e-3));
  CHECK(governed.profile == "toy");
  CHECK(slow->info().setting.find("governor=budget deadline=4 reserve=1") != std::string::npos);
}

TEST_CASE("without a profile nothing is modelled") {
  const auto shared = shared_script(std::make_unique<Scripted>(script()));
  const auto path = make_path(shared, options_of(Method::early_exit, {}));
  path->prepare();
  CHECK(run(*path, 1).modelled.energy_j < 0);
  CHECK(run(*path, 1).modelled.profile.empty());
}

TEST_CASE("real control: slow between tests, the highest frequency before the first and in the end") {
  const fs::path root = fs::temp_directory_path() / ("dynexec-pacer-" + std::to_string(getpid()));
  const fs::path policy = root / "policy0";
  fs::remove_all(root);
  fs::create_directories(policy);
  const auto put = [&](const char* name, const char* text) { std::ofstream(policy / name) << text << "\n"; };
  put("scaling_available_governors", "userspace");
  put("scaling_governor", "schedutil");
  put("scaling_setspeed", "0");
  put("scaling_min_freq", "800000");
  put("scaling_max_freq", "2000000");
  put("scaling_available_frequencies", "800000 2000000");
  const auto read = [&](const char* name) {
    std::ifstream file(policy / name);
    std::string text;
    file >> text;
    return text;
  };
  std::vector<std::string> seen;
  {
    const auto shared = shared_script(std::make_unique<Watching>(policy / "scaling_setspeed", seen));
    PathOptions options =
        options_of(Method::early_exit, {.rule = GovernorRule::budget, .deadline = 1e9, .reserve = 0.0});
    options.governor.real = true;
    options.governor.sysfs = root.string();
    const auto path = make_path(shared, options);
    path->prepare();
    CHECK(read("scaling_governor") == "userspace");
    seen.clear();
    run(*path, 2);
    // Exits 0, 1 and 2, each asked for before its head and by it.
    const std::string high = "2000000", low = "800000";
    REQUIRE(seen.size() >= 6);
    CHECK(std::vector<std::string>(seen.begin(), seen.begin() + 6) ==
          std::vector<std::string>{high, high, low, low, low, low});
    CHECK(read("scaling_setspeed") == high);
    const std::vector<Sample> two{sample(0), sample(1)};
    const std::vector<Streams> streams{{1, 0, 0}, {1, 1, 0}};
    CHECK_THROWS_AS(path->run(two, streams, {}), Error);
  }
  CHECK(read("scaling_governor") == "schedutil");
  fs::remove_all(root);
}

namespace {

// Fails at exit 1 when told to.
class Breaking : public Watching {
 public:
  using Watching::Watching;
  void run_layers_to(std::size_t exit) override {
    Watching::run_layers_to(exit);
    if (breaks && exit == 1) throw Error(ErrorKind::internal, "broken", "", "");
  }
  bool breaks = false;
};

}  // namespace

TEST_CASE("real control: a constant level ends with its run, and costs are measured at the highest frequency") {
  const fs::path root = fs::temp_directory_path() / ("dynexec-constant-" + std::to_string(getpid()));
  const fs::path policy = root / "policy0";
  const std::string high = "2000000", low = "1000000";
  fs::remove_all(root);
  fs::create_directories(policy);
  for (const auto& [name, text] : {std::pair<std::string, std::string>{"scaling_available_governors", "userspace"},
                                   {"scaling_governor", "schedutil"},
                                   {"scaling_setspeed", "0"},
                                   {"scaling_min_freq", low},
                                   {"scaling_max_freq", high},
                                   {"scaling_available_frequencies", low + " " + high}})
    std::ofstream(policy / name) << text << "\n";
  const auto speed = [&] {
    std::ifstream file(policy / "scaling_setspeed");
    std::string text;
    file >> text;
    return text;
  };
  std::vector<std::string> seen;
  {
    auto network = std::make_unique<Breaking>(policy / "scaling_setspeed", seen);
    Breaking& breaking = *network;
    const auto shared = shared_script(std::move(network));
    shared->hardware = toy_hardware();
    PathOptions options = options_of(Method::early_exit, {.rule = GovernorRule::constant, .deadline = 4});
    options.governor.real = true;
    options.governor.sysfs = root.string();
    shared->paths = {options_of(Method::full, {}), options};
    const auto full = make_path(shared, shared->paths[0]), constant = make_path(shared, shared->paths[1]);
    full->prepare();
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.front() == high);
    constant->prepare();

    seen.clear();
    run(*constant, 2);
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.front() == low);
    CHECK(speed() == high);

    breaking.breaks = true;
    seen.clear();
    CHECK_THROWS_AS(run(*constant, 2), Error);
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.back() == low);
    CHECK(speed() == high);

    options.governor.sysfs = (root / "others").string();
    CHECK_THROWS_AS(shared->processors->of(options), Error);
  }
  fs::remove_all(root);
}
