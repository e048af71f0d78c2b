// Batches: rows leave, and the layers behind run on the others.
#include <doctest/doctest.h>

#include "experiments/early_exit/path.hpp"
#include "scripted_network.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;
using namespace dynexec::fixture;

namespace {

std::shared_ptr<Shared> shared_script() {
  auto shared = std::make_shared<Shared>();
  std::vector<std::vector<Scripted::Answer>> script;
  // Input i is sure from exit i on.
  for (int i = 0; i < 5; ++i) {
    std::vector<Scripted::Answer> exits;
    for (int exit = 0; exit < 6; ++exit) exits.push_back({(i + (exit < i ? 1 : 0)) % 4, exit < i ? 0.5f : 9.0f});
    script.push_back(exits);
    shared->calibration.push_back(input(i));
  }
  shared->network = std::make_unique<Scripted>(script);
  shared->calibration_ms = 1;
  return shared;
}

std::vector<Outcome> run(Path& path, const std::vector<std::size_t>& indices, bool alone) {
  std::vector<Sample> samples;
  std::vector<Streams> streams;
  std::vector<Outcome> outcomes;
  for (const std::size_t index : indices) {
    samples.push_back(sample(index));
    streams.push_back({9, index, 0});
  }
  const std::size_t step = alone ? 1 : samples.size();
  for (std::size_t i = 0; i < samples.size(); i += step) {
    const std::span<const Sample> block = std::span(samples).subspan(i, step);
    std::vector<Outcome> some = path.run(block, std::span(streams).subspan(i, step), {.trace = true});
    for (std::size_t k = 0; k < some.size(); ++k) {
      path.analyse(block[k], streams[i + k], some[k]);
      outcomes.push_back(std::move(some[k]));
    }
  }
  return outcomes;
}

}  // namespace

TEST_CASE("a batch goes as its rows go alone, whoever decides") {
  const auto shared = shared_script();
  const Options options = read_options(config_node(R"(
model: {network: m}
paths:
  - {name: full, method: full}
  - {name: sure, rule: confidence, threshold: 0.9}
  - {name: patient, rule: patience, patience: 1}
  - {name: sparse, rule: confidence, threshold: 0.9, exits: [1, 4]}
  - {name: published, method: predictive_exit, threshold: 4, start_exit: 1}
  - {name: learnt, method: predictive_exit, engine: learnt, rule: confidence, threshold: 0.9, bins: 2}
  - {name: random, method: random, like: sure}
  - {name: like, method: static, like: sure}
  - {name: fixed, method: static, exit: 2}
)"));
  shared->paths = options.paths;
  const std::vector<std::size_t> indices{4, 0, 2, 3, 1};
  for (const PathOptions& one : options.paths) {
    CAPTURE(one.name);
    const auto path = make_path(shared, one);
    path->prepare();
    const auto alone = run(*path, indices, true), together = run(*path, indices, false);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      CHECK(alone[i].exit.index == together[i].exit.index);
      CHECK(alone[i].exit.tested == together[i].exit.tested);
      CHECK(alone[i].exit.depth == together[i].exit.depth);
      CHECK(alone[i].cost.macs == together[i].cost.macs);
      CHECK(alone[i].trace == together[i].trace);
      CHECK(std::any_cast<const ClassOutput&>(alone[i].output).label ==
            std::any_cast<const ClassOutput&>(together[i].output).label);
      CHECK(alone[i].work.size() == together[i].work.size());
      CHECK(together[i].exit.compaction_ms >= 0);
      CHECK(std::isnan(alone[i].exit.compaction_ms));
    }
    // A second batch, smaller, leaves nothing of the first.
    const auto fewer = run(*path, {2, 4}, false);
    CHECK(fewer[0].cost.macs == alone[2].cost.macs);
    CHECK(fewer[1].cost.macs == alone[0].cost.macs);
  }
}

TEST_CASE("the static exit that is as deep as another path, and the oracle") {
  const auto shared = shared_script();
  shared->paths = read_options(config_node(R"(
model: {network: m}
paths:
  - {name: full, method: full}
  - {name: sure, rule: confidence, threshold: 0.9}
  - {name: like, method: static, like: sure}
  - {name: oracle, method: oracle}
)"))
                      .paths;
  // They leave at 0 to 4 after 1 to 5 tests: 330 on the mean. A head at exit 2 makes 310.
  const auto like = make_path(shared, shared->paths[2]);
  like->prepare();
  CHECK(run(*like, {3}, true)[0].exit.index == 2);
  CHECK(run(*like, {3}, true)[0].cost.macs == 310);

  class Five : public Task {
    std::size_t size() const override { return 5; }
    Sample sample(std::size_t index) const override { return fixture::sample(index); }
    std::vector<Score> score(const Sample&, const Outcome&) const override { return {}; }
    std::string quality_metric() const override { return ""; }
  };
  shared->task = std::make_shared<Five>();
  const auto oracle = make_path(shared, shared->paths[3]);
  oracle->prepare();
  const auto known = run(*oracle, {0, 3}, false);
  CHECK(known[0].cost.macs == 100);  // no head
  CHECK(known[1].cost.macs == 400);
  CHECK(known[1].exit.tested == 0);
  CHECK(std::any_cast<const ClassOutput&>(known[1].output).label == 3);
}
