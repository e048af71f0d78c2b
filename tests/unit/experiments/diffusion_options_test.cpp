#include <doctest/doctest.h>

#include "base/error.hpp"
#include "experiments/diffusion/options.hpp"
#include "experiments/registry.hpp"

using namespace dynexec;
using namespace dynexec::diffusion;

TEST_CASE("limits of the clean image are the model's unless the config says otherwise") {
  const auto limits_of = [](const std::string& model) {
    const std::string text =
        "experiment: diffusion\ntask: {samples: 4}\nmodel: {network: m" + model + "}\npaths: [{name: a}]\n";
    SamplerOptions own;
    own.limits.clip = 1;
    return read_options(Config::parse(text, "t.yaml", {}).root(), own, true).paths.front().sampler.limits;
  };
  CHECK(limits_of("").clip == 1);
  CHECK(limits_of("").quantile == 0);
  CHECK(limits_of(", clip: 0").clip == 0);
  CHECK(limits_of(", dynamic_threshold: 0.9").quantile == 0.9);
  CHECK(limits_of(", dynamic_threshold: 0.9").highest == 1);
  CHECK(limits_of(", dynamic_threshold: 0.9, dynamic_threshold_highest: 2").highest == 2);
  CHECK_THROWS_AS(limits_of(", dynamic_threshold: 1.5"), Error);
}

TEST_CASE("weights are the model's unless a path has its own, and quantised ones have settings") {
  const auto read = [](const std::string& model, const std::string& paths) {
    const Config config = Config::parse("experiment: diffusion\ntask: {samples: 4}\nmodel: {network: m" + model +
                                            "}\nquantisation: {samples: 3}\npaths: " + paths + "\n",
                                        "t.yaml", {});
    CHECK(read_quantisation(config.root()).samples == 3);
    CHECK(read_quantisation(config.root()).steps == 20);
    return read_options(config.root(), {}, true);
  };
  const Options mixed = read("", "[{name: a}, {name: b, weights: int8}]");
  CHECK_FALSE(mixed.paths[0].weights);
  CHECK(mixed.paths[1].weights == QuantisedWeights::int8);
  CHECK(mixed.any_quantised());
  CHECK(mixed.paths[0].describe().find("int8") == std::string::npos);
  CHECK(mixed.paths[1].describe().ends_with(", weights int8"));
  const Options all = read(", weights: int8", "[{name: a}, {name: b, weights: fp32}]");
  CHECK(all.paths[0].weights == QuantisedWeights::int8);
  CHECK_FALSE(all.paths[1].weights);
  const Options nibbles = read(", weights: int4", "[{name: a}]");
  CHECK(nibbles.paths[0].weights == QuantisedWeights::int4);
  CHECK(nibbles.paths[0].describe().ends_with(", weights int4"));
  CHECK_FALSE(read("", "[{name: a}]").any_quantised());
  CHECK_THROWS_AS(read("", "[{name: a, weights: int4-g32}]"), Error);
}

TEST_CASE("paths on a quantised folder draw with its weights, and other wishes are refused at their place") {
  const auto take = [](const std::string& model, const std::string& paths, const std::string& rest = "") {
    const Config config = Config::parse(
        "experiment: diffusion\ntask: {samples: 4}\nmodel: {network: m" + model + "}\npaths: " + paths + "\n" + rest,
        "t.yaml", {});
    Options options = read_options(config.root(), {}, true);
    take_stored_weights(config.root(), QuantisedWeights::int4, options);
    return options;
  };
  for (const PathOptions& path : take("", "[{name: a}, {name: b, weights: int4}, {name: c, weights: fp32}]").paths) {
    CHECK(path.weights == QuantisedWeights::int4);
    CHECK(path.describe().ends_with(", weights int4"));
  }
  const auto refused = [&](const std::string& where, const auto&... config) {
    try {
      take(config...);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.where() == where);
      CHECK_FALSE(error.hint().empty());
    }
  };
  refused("t.yaml:3:30", ", weights: int8", "[{name: a}]");
  refused("t.yaml:4:39", "", "[{name: a}, {name: b, weights: int8}]");
  refused("t.yaml:5:15", "", "[{name: a}]", "quantisation: {samples: 3}\n");
}

TEST_CASE("diffusion configs: what is wrong is said at its place") {
  const auto refused = [](const std::string& paths, const std::string& where, bool takes_text = true) {
    const std::string text = "experiment: diffusion\ntask: {samples: 4}\nmodel: {network: m}\npaths: " + paths + "\n";
    try {
      read_options(Config::parse(text, "t.yaml", {}).root(), {}, takes_text);
      FAIL("accepted " << paths);
    } catch (const Error& error) {
      CHECK(error.where() == where);
      CHECK_FALSE(error.hint().empty());
    }
  };
  refused("[]", "t.yaml:4:8");
  refused("[{name: a, method: converged}]", "t.yaml:4:8");
  refused("[{name: a}, {name: a}]", "t.yaml:4:27");
  refused("[{name: a}, {name: b, like: c}]", "t.yaml:4:36");
  refused("[{name: a}, {name: b, like: a}, {name: c, like: b}]", "t.yaml:4:56");
  refused("[{name: a}, {name: o, method: oracle, steps: [5, 5]}]", "t.yaml:4:20");
  refused("[{name: a}, {name: o, method: oracle, steps: [5, 9], price: 0.1, quality: attributes}]", "t.yaml:4:82");
  refused("[{name: a}, {name: o, method: oracle, steps: [5, 9]}, {name: c, like: o}]", "t.yaml:4:78");
  refused("[{name: a}, {name: o, method: oracle, steps: [5], sampler: euler_ancestral}]", "t.yaml:4:38");
  refused("[{name: a}, {name: o, method: oracle, steps: [5], eta: 0.5}]", "t.yaml:4:38");
  refused("[{name: a, sampler: dim}]", "t.yaml:4:28");
  refused("[{name: a}, {name: p, method: predicted}]", "t.yaml:4:20");
  refused("[{name: a}, {name: p, method: length, predictor: x}]", "t.yaml:4:38", false);
  const auto found = experiment_knobs(
      Config::parse(
          "experiment: diffusion\ntask: {kind: from_noise}\nmodel: {network: m}\n"
          "paths: [{name: a}, {name: b, steps: 20}, {name: c, method: converged}, {name: d, cache_interval: 3}]\n",
          "t.yaml", {})
          .root());
  REQUIRE(found.size() == 4);
  CHECK(found[0].key == "steps");
  CHECK(found[1].key == "threshold");
  CHECK(found[1].values.front() == 0);
  CHECK(found[2].key == "cache_interval");
  CHECK(found[3].path == 3);
  CHECK(found[3].key == "steps");
}
