#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "base/error.hpp"
#include "config/node.hpp"
#include "data/image_task.hpp"
#include "experiments/early_exit/path.hpp"
#include "measure/statistics.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;

namespace {

// Exit e answers from a script: labels and logit heights per input. Layers cost 100 multiply-accumulates, heads 10.
class Scripted : public MultiExit {
 public:
  struct Answer {
    int label;
    float height;
  };
  explicit Scripted(std::vector<std::vector<Answer>> inputs) : inputs_(std::move(inputs)) {}

  std::size_t exits() const override { return inputs_.front().size() - 1; }
  std::size_t classes() const override { return 4; }
  double memory_bytes() const override { return 0; }
  void start(const std::any& input) override {
    input_ = static_cast<std::size_t>(std::any_cast<const ImageInput&>(input).label);
    cost_ = {};
    cost_.tokens = 1;
    done_ = 0;
  }
  void run_layers_to(std::size_t exit) override {
    for (; done_ <= exit; ++done_) cost_.macs += 100;
  }
  std::span<const float> logits(std::size_t exit) override {
    run_layers_to(exit);
    cost_.macs += 10;
    const Answer answer = inputs_[input_][exit];
    logits_.assign(4, 0);
    logits_[static_cast<std::size_t>(answer.label)] = answer.height;
    return logits_;
  }
  const Cost& cost() const override { return cost_; }

 private:
  std::vector<std::vector<Answer>> inputs_;
  std::size_t input_ = 0, done_ = 0;
  Cost cost_;
  std::vector<float> logits_;
};

std::any input(int index) {
  return ImageInput{.pixels = {}, .label = index};
}
Sample sample(std::size_t index) {
  return {index, "s", "", input(static_cast<int>(index))};
}

// Never sure; sure at exit 1; agrees from exit 1 on; wavers, with two votes for class 2; agrees
// twice, with a change of mind between.
std::vector<std::vector<Scripted::Answer>> script() {
  return {{{0, 0.1f}, {1, 0.1f}, {2, 0.1f}, {3, 0.1f}, {0, 5}},
          {{1, 1}, {2, 9}, {2, 9}, {2, 9}, {2, 9}},
          {{0, 1}, {3, 1}, {3, 1}, {3, 1}, {3, 9}},
          {{2, 1}, {0, 1}, {2, 1}, {1, 1}, {1, 9}},
          {{1, 1}, {1, 1}, {2, 1}, {2, 1}, {2, 9}}};
}

Node config_node(const std::string& yaml) {
  return Config::parse(yaml, "test.yaml", {}).root();
}

PathOptions rule_options(const std::string& name, double threshold, std::int64_t patience = 2) {
  PathOptions options{.node = config_node("a: 1")};
  options.name = name;
  options.method = Method::early_exit;
  options.rule = {.name = name, .threshold = threshold, .patience = patience};
  return options;
}

Leaving leave(const PathOptions& options, int index) {
  Scripted network(script());
  const auto rule = make_rule(options.rule, 4);
  return follow_rule(network, options, *rule, input(index), nullptr, nullptr);
}

}  // namespace

TEST_CASE("signals of logits") {
  const ExitSignals even = exit_signals(std::vector<float>{2, 2, 2, 2});
  CHECK(even.label == 0);
  CHECK(even.top == doctest::Approx(0.25));
  CHECK(even.margin == doctest::Approx(0));
  CHECK(even.certainty == doctest::Approx(0).epsilon(1e-9));
  const ExitSignals two = exit_signals(std::vector<float>{0, std::log(3.0f)});
  CHECK(two.label == 1);
  CHECK(two.top == doctest::Approx(0.75));
  CHECK(two.margin == doctest::Approx(0.5));
  CHECK(two.certainty ==
        doctest::Approx(1 + (0.75 * std::log(0.75) + 0.25 * std::log(0.25)) / std::log(2.0)).epsilon(1e-6));
  const ExitSignals sure = exit_signals(std::vector<float>{-1000, 1000});
  CHECK(sure.certainty == 1);
  CHECK(sure.margin == 1);
}

TEST_CASE("rules leave where they should") {
  for (const char* name : {"confidence", "margin", "entropy"}) {
    CAPTURE(name);
    CHECK(leave(rule_options(name, 0.9), 0).exit == 4);
    CHECK(leave(rule_options(name, 0.9), 0).label == 0);
    CHECK(leave(rule_options(name, 0.9), 1).exit == 1);
    CHECK(leave(rule_options(name, 0.9), 1).label == 2);
    CHECK(leave(rule_options(name, 0), 3).exit == 0);
  }
  // Three in a row agree at exit 3 (two agreements with the exit before); one agreement is there at exit 2.
  CHECK(leave(rule_options("patience", 1, 2), 2).exit == 3);
  CHECK(leave(rule_options("patience", 1, 1), 2).exit == 2);
  CHECK(leave(rule_options("patience", 1, 1), 3).exit == 4);
  CHECK(leave(rule_options("patience", 1, 2), 4).exit == 4);  // another answer starts the count afresh
  // Votes need not be in a row, and the answer is what was voted for.
  CHECK(leave(rule_options("vote", 1, 2), 3).exit == 2);
  CHECK(leave(rule_options("vote", 1, 2), 3).label == 2);
}

TEST_CASE("exits that are not tested cost no head") {
  Scripted network(script());
  PathOptions options = rule_options("confidence", 0.99);
  options.tested = {1, 3};
  const auto rule = make_rule(options.rule, 4);
  std::vector<std::string> trace;
  const Leaving leaving = follow_rule(network, options, *rule, input(0), nullptr, &trace);
  CHECK(leaving.tested == std::vector<std::size_t>{1, 3, 4});
  CHECK(network.cost().macs == 5 * 100 + 3 * 10);
  REQUIRE(trace.size() == 3);
  CHECK(trace[0].find(R"("exit":1,"label":1)") != std::string::npos);
  CHECK(trace[2].find(R"("leaves":true)") != std::string::npos);
  options.tested.clear();
  options.start_exit = 2;
  CHECK(follow_rule(network, options, *rule, input(1), nullptr, nullptr).tested == std::vector<std::size_t>{2});
  CHECK(network.cost().macs == 3 * 100 + 10);
}

TEST_CASE("paths: the whole network, fixed exits, and random exits as often as another path's") {
  auto shared = std::make_shared<Shared>();
  shared->network = std::make_unique<Scripted>(script());
  shared->calibration_ms = 1;
  for (int i = 0; i < 4; ++i) shared->calibration.push_back(input(i));
  PathOptions fixed = rule_options("fixed", 0), random = fixed, full = fixed, vote = rule_options("vote", 1, 2);
  full.method = Method::full;
  fixed.method = Method::fixed;
  fixed.exit = 2;
  random.method = Method::random;
  random.like = "vote";
  shared->paths = {full, fixed, random, vote};

  const auto run = [&](Path& path, std::size_t index, std::uint32_t repetition = 0) {
    const std::vector<Sample> samples{sample(index)};
    const std::vector<Streams> streams{{1, index, repetition}};
    Outcome outcome = path.run(samples, streams, {}).front();
    path.analyse(samples[0], streams[0], outcome);
    CHECK(outcome.predicted_ms > 0);
    CHECK(outcome.oracle_ms > 0);
    return outcome;
  };
  const auto whole = make_path(shared, full), second = make_path(shared, fixed), drawn = make_path(shared, random);
  for (const auto& path : {whole.get(), second.get(), drawn.get()}) path->prepare();
  CHECK(run(*whole, 3).cost.macs == 510);
  CHECK(std::any_cast<ClassOutput>(run(*whole, 3).output).label == 1);
  CHECK(run(*second, 3).cost.macs == 310);
  // Votes leave at 4 (nobody twice), 2, 2, 2: three quarters at exit 2, the rest at the end.
  std::map<double, int> seen;
  for (std::uint32_t i = 0; i < 400; ++i) ++seen[run(*drawn, 0, i).cost.macs];
  CHECK(seen.size() == 2);
  CHECK(std::abs(seen[310] - 300) < 40);
  CHECK(run(*drawn, 0, 7).cost.macs == run(*drawn, 0, 7).cost.macs);
}

TEST_CASE("configs are read, and what is wrong with them is said") {
  const std::string head = "model: {network: m}\npaths:\n  - {name: full, method: full}\n";
  const Options options =
      read_options(config_node(head + "  - {name: p, rule: patience, patience: 3, start_exit: 1}\n"));
  REQUIRE(options.paths.size() == 2);
  CHECK(options.paths[1].rule.patience == 3);
  CHECK(options.paths[1].describe() == "patience=3 from exit 1");
  for (const char* wrong : {"  - {name: full, rule: entropy}\n", "  - {name: p, rule: entropi}\n",
                            "  - {name: p, rule: entropy, threshold: 2}\n", "  - {name: p, method: random, like: q}\n",
                            "  - {name: p, method: random, like: full}\n", "  - {name: p, method: static}\n"})
    CHECK_THROWS_AS(read_options(config_node(head + wrong)), Error);
  CHECK_THROWS_AS(read_options(config_node("model: {network: m}\npaths: [{name: p, rule: margin}]\n")), Error);
}
