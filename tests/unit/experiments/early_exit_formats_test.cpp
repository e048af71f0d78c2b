// Paths of a multi-exit network in several weight formats.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "config/node.hpp"
#include "experiments/early_exit/options.hpp"
#include "experiments/registry.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;

namespace {

// `model` stands on line 2 and `paths` on line 3.
Config config_of(const std::string& model, const std::string& paths, const std::string& rest = "") {
  return Config::parse("experiment: early_exit\nmodel: {network: m" + model + "}\npaths: [" + paths + "]\n" + rest,
                       "t.yaml", {});
}

void refused(const Config& config, const std::string& where, const std::string& what) {
  try {
    require_same_weights(read_options(config.root()).paths);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.where() == where);
    CHECK(error.message().find(what) != std::string::npos);
    CHECK_FALSE(error.hint().empty());
  }
}

}  // namespace

TEST_CASE("a path's weights are its own, else the model's, else fp32") {
  const char* paths = "{name: full, method: full}, {name: a, weights: int4-g32-a8}, {name: b, weights: fp32}";
  const Options plain = read_options(config_of("", paths).root());
  CHECK(plain.paths[0].weights == WeightFormat{});
  CHECK(plain.paths[1].weights == weight_format("int4-g32-a8"));
  CHECK(plain.paths[1].describe() == "confidence>=0.9; weights int4-g32-a8");
  CHECK(plain.paths[0].describe() == "the whole network");
  const Config mixed = config_of(", weights: int4-g32+value=int8", paths);
  CHECK(read_options(mixed.root()).paths[0].weights == LayerFormats::parse("int4-g32+value=int8"));
  CHECK(read_options(mixed.root()).paths[0].describe() == "the whole network; weights int4-g32+value=int8");
  CHECK(read_options(mixed.root()).paths[2].weights == WeightFormat{});
  const Config config = config_of(", weights: int8", paths);
  const Options quantised = read_options(config.root());
  CHECK(quantised.paths[0].weights == weight_format("int8"));
  CHECK(quantised.paths[0].describe() == "the whole network; weights int8");
  CHECK(quantised.paths[1].weights == weight_format("int4-g32-a8"));
  CHECK(quantised.paths[2].weights == WeightFormat{});
  // Where an error about them would point.
  CHECK(quantised.paths[0].weights_key(config.root()).place() == "t.yaml:2:30");
  CHECK(quantised.paths[1].weights_key(config.root()).place() == "t.yaml:3:56");
}

TEST_CASE("weights that no path may have are refused at their place") {
  refused(config_of(", weights: int9", "{name: full, method: full}"), "t.yaml:2:30", "int9");
  refused(config_of("", "{name: full, method: full, weights: int4}"), "t.yaml:3:45", "int4");
  // A control takes its exits from records of another path, which another format does not share.
  for (const char* method : {"static", "random"}) {
    const std::string control = std::string("{name: c, method: ") + method + ", like: sure";
    const std::string sure = "{name: full, method: full}, {name: sure, weights: int8}, ";
    refused(config_of("", sure + control + "}"), "t.yaml:3:98", "int8");
    CHECK_NOTHROW(require_same_weights(read_options(config_of("", sure + control + ", weights: int8}").root()).paths));
    CHECK_NOTHROW(require_same_weights(read_options(config_of(", weights: int8", sure + control + "}").root()).paths));
  }
  refused(config_of("", "{name: full, method: full, weights: int8+value}"), "t.yaml:3:45", "'value' names no format");
  refused(config_of(", weights: int8+value=int3", "{name: full, method: full}"), "t.yaml:2:30", "'int3'");
  const std::string hardware = "hardware: {profile: p}\n";
  refused(config_of("", "{name: full, method: full}, {name: a, weights: bf16}", hardware), "t.yaml:3:56", "hardware");
  refused(config_of(", weights: int8", "{name: full, method: full}", hardware), "t.yaml:2:30", "hardware");
  CHECK_NOTHROW(read_options(config_of(", weights: fp32", "{name: full, method: full}", hardware).root()));
}

TEST_CASE("paths in any weights can be tuned") {
  const auto found = experiment_knobs(
      config_of(", weights: int8-a8", "{name: full, method: full}, {name: a, rule: margin}, {name: b, weights: fp32}")
          .root());
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "a");
  CHECK(found[1].key == "threshold");
}
