#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.hpp"
#include "config/node.hpp"
#include "experiments/registry.hpp"
#include "experiments/splits.hpp"

using namespace dynexec;

namespace {

struct Numbered : Task {
  explicit Numbered(std::size_t size, std::string name) : count(size), prefix(std::move(name)) {}
  std::size_t size() const override { return count; }
  Sample sample(std::size_t index) const override { return {index, prefix + std::to_string(index), "", {}}; }
  std::vector<Score> score(const Sample&, const Outcome&) const override { return {}; }
  std::string quality_metric() const override { return ""; }
  std::size_t count;
  std::string prefix;
};

Splits splits(const std::string& calibration) {
  const Config config = Config::parse("a: 1\ncalibration: {" + calibration + "}\n", "test.yaml", {});
  return read_splits(config.root(), std::make_shared<Numbered>(5, "test-"), std::make_shared<Numbered>(40, "calib-"));
}

std::vector<Knob> knobs(const std::string& text) {
  return experiment_knobs(Config::parse(text, "test.yaml", {}).root());
}

}  // namespace

TEST_CASE("what tuning tests on is known to no method, there or later") {
  const Splits plain = splits("");
  CHECK(plain.measured->sample(0).id == "test-0");
  CHECK(plain.calibration->size() == 40);
  const Splits reporting = splits("held_out: 0.75"), tuning = splits("held_out: 0.75, measure_held_out: true");
  CHECK(reporting.measured->sample(0).id == "test-0");
  CHECK(tuning.measured->size() == 30);
  CHECK(tuning.measured->sample(0).id == "calib-10");
  CHECK(tuning.measured->sample(0).index == 0);
  CHECK(tuning.measured->sample(29).id == "calib-39");
  for (const Splits& either : {reporting, tuning}) {
    CHECK(either.calibration->size() == 10);
    CHECK(either.calibration->sample(9).id == "calib-9");
  }
  // Both sides get a sample, however small the share.
  CHECK(splits("held_out: 0.001, measure_held_out: true").measured->size() == 1);
  CHECK(splits("held_out: 1").calibration->size() == 1);
  CHECK_THROWS_AS(splits("measure_held_out: true"), Error);
  CHECK_THROWS_AS(splits("held_out: 1.5"), Error);
}

TEST_CASE("early exit: thresholds and counts, from never leaving on") {
  const auto found = knobs(R"(experiment: early_exit
model: {network: m}
paths:
  - {name: full, method: full}
  - {name: fixed, method: static, exit: 1}
  - {name: sure, rule: margin}
  - {name: agree, rule: patience}
  - {name: vote, rule: vote, start_exit: 1}
  - {name: ahead, method: predictive_exit}
  - {name: learnt, method: predictive_exit, engine: learnt, price: 5}
  - {name: random, method: random, like: sure}
  - {name: oracle, method: oracle}
)");
  REQUIRE(found.size() == 5);
  CHECK(found[0].name == "sure");
  CHECK(found[0].path == 2);
  CHECK(found[0].key == "threshold");
  CHECK(found[0].lossy);
  CHECK(found[0].values.front() == 1);
  CHECK(std::is_sorted(found[0].values.rbegin(), found[0].values.rend()));
  CHECK(found[0].values.back() < 0.1);
  CHECK(found[1].key == "patience");
  CHECK(found[1].values.front() >= 1000);
  CHECK(found[1].values.back() == 1);
  CHECK(found[2].key == "votes");
  CHECK(found[3].key == "threshold");
  CHECK(found[3].values.front() == 1e6);  // of logits over their mean, which have no upper end
  CHECK(found[4].key == "price");
  CHECK(found[4].path == 6);
}

TEST_CASE("settings whose exits depend on measured times cannot be tuned") {
  for (const char* path : {"{name: p, rule: margin, placement: search, saving: time}",
                           "{name: p, method: predictive_exit, engine: learnt, rule: margin, saving: time}"})
    CHECK_THROWS_AS(knobs("experiment: early_exit\nmodel: {network: m}\npaths:\n  - {name: full, method: full}\n  - " +
                          std::string(path) + "\n"),
                    Error);
}

TEST_CASE("speculative decoding: lengths and thresholds that only speed depends on") {
  const auto found = knobs(R"(experiment: speculative
model: {target: m, draft: d}
paths:
  - {name: base, method: autoregressive}
  - {name: constant, policy: constant}
  - {name: sure, policy: confidence}
  - {name: look, drafter: prompt_lookup, policy: heuristic}
  - {name: cost, policy: cost_aware}
)");
  REQUIRE(found.size() == 4);
  const std::vector<std::string> keys{"length", "threshold", "length", "max_length"};
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].path == i + 1);
    CHECK(found[i].key == keys[i]);
    CHECK_FALSE(found[i].lossy);
  }
}
