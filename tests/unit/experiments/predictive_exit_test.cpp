// The engines that forecast where an input will leave.
#include <doctest/doctest.h>

#include <cmath>

#include "experiments/early_exit/path.hpp"
#include "scripted_network.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;
using namespace dynexec::fixture;

namespace {

// Says every second of its exits' logits as they are given; layers cost 100 multiply-accumulates, heads 10.
class Spoken : public MultiExit {
 public:
  explicit Spoken(std::vector<std::vector<float>> exits) : exits_(std::move(exits)) {}
  std::size_t exits() const override { return exits_.size() - 1; }
  std::size_t classes() const override { return exits_.front().size(); }
  double memory_bytes() const override { return 0; }
  void start(const std::any&) override { cost_ = {}, done_ = 0; }
  void run_layers_to(std::size_t exit) override {
    for (; done_ <= exit; ++done_) cost_.macs += 100;
  }
  std::span<const float> logits(std::size_t exit) override {
    run_layers_to(exit);
    cost_.macs += 10;
    return exits_[exit];
  }
  const Cost& cost() const override { return cost_; }

 private:
  std::vector<std::vector<float>> exits_;
  std::size_t done_ = 0;
  Cost cost_;
};

PathOptions predictive(const std::string& yaml) {
  const std::string text =
      "model: {network: m}\npaths: [{name: full, method: full}, {name: p, method: predictive_exit, " + yaml + "}]\n";
  return read_options(config_node(text)).paths[1];
}

// Fitted on the input itself, so that an exit's scale is the mean of its own logits.
Walk follow(const std::vector<std::vector<float>>& exits, const std::string& yaml) {
  Spoken network(exits);
  const std::any input = 0;
  const RecordedExits recorded(network, std::span(&input, 1));
  const auto navigator = plain_navigator(predictive(yaml), network.exits(), network.classes());
  navigator->fit({.recorded = recorded});
  return walk(network, *navigator, input);
}

const std::vector<float> kFlat{1, 2, 1};  // mean 4/3, largest 2: a score of 1.5

}  // namespace

TEST_CASE("the published engine convolves the logits until they pass") {
  // Six exits alike and the end. Convolved once: 3 4 3, score 3; twice: 7 10 7, score 7.5; thrice: 17 24 17, score 18.
  const std::vector<std::vector<float>> alike(7, kFlat);
  const Walk twice = follow(alike, "threshold: 5, start_exit: 1");
  CHECK(tested(twice) == std::vector<std::size_t>{1, 3, 5, 6});
  REQUIRE(twice.tests[0].decision.forecast);
  CHECK(twice.tests[0].decision.forecast->exit == 3);
  CHECK_FALSE(twice.tests[0].decision.forecast->or_later);
  CHECK(twice.tests[0].decision.score == doctest::Approx(1.5));
  // Two rounds over three classes, two additions each, twice; nothing is forecast at the last exit.
  CHECK(twice.cost.macs == 7 * 100 + 4 * 10 + 2 * (2 * 2 * 3));
  CHECK(twice.work[2].kind == WorkSegment::Kind::predictor);
  CHECK(twice.work[2].macs == 12);
  // At the threshold itself an input leaves, but a forecast must be above it.
  CHECK(tested(follow(alike, "threshold: 7.5, start_exit: 0")) == std::vector<std::size_t>{0, 3, 5, 6});
  CHECK(tested(follow(alike, "threshold: 1.5, start_exit: 2")) == std::vector<std::size_t>{2});
  // Beyond its reach it goes as far as that.
  const Walk far = follow(alike, "threshold: 100, start_exit: 0, reach: 2");
  CHECK(tested(far) == std::vector<std::size_t>{0, 2, 4, 5, 6});
  CHECK(far.tests[0].decision.forecast->or_later);
  CHECK(tested(follow(alike, "threshold: 1000")) == std::vector<std::size_t>{1, 5, 6});  // three tenths of six exits
}

TEST_CASE("the exit that is looked at has its own scale, and the last one stands for those behind it") {
  std::vector<std::vector<float>> exits(5, kFlat);
  exits[2] = {100, 200,
              100};  // a scale a hundred times as large: no forecast falls on it, but it is tested like any other
  const Walk taken = follow(exits, "threshold: 2, start_exit: 1, reach: 3");
  CHECK(taken.tests[0].decision.forecast->exit == 3);
  // At exit 3 of 4, the last: no forecast, then the end.
  CHECK(tested(taken) == std::vector<std::size_t>{1, 3, 4});
  CHECK_FALSE(taken.tests[1].decision.forecast);
}

TEST_CASE("a single jump is left whatever the exit says") {
  const std::vector<std::vector<float>> alike(7, kFlat);
  const Walk taken = follow(alike, "threshold: 5, start_exit: 1, single_jump: true");
  CHECK(tested(taken) == std::vector<std::size_t>{1, 3});
  CHECK(taken.exit == 3);
  CHECK(taken.label == 1);
}

TEST_CASE("the successor's test is on probabilities") {
  // softmax(1 2 1) has 0.576 at its top; convolved 3 4 3 the same, 7 10 7 has 0.909.
  const std::vector<std::vector<float>> alike(7, kFlat);
  const double top = 1 / (1 + 2 * std::exp(-3.0));
  CHECK(tested(follow(alike, "rule: confidence, threshold: " + std::to_string(top - 0.01) + ", start_exit: 1")) ==
        std::vector<std::size_t>{1, 3, 5, 6});
  CHECK(tested(follow(alike, "rule: confidence, threshold: " + std::to_string(top + 0.01) + ", start_exit: 1")) ==
        std::vector<std::size_t>{1, 4, 5, 6});
}

TEST_CASE("holds of order zero and one") {
  // Confidence over two classes whose logits lie d apart: 1 / (1 + exp(-d)).
  const auto logits = [](double confidence) {
    return std::vector<float>{0, static_cast<float>(std::log(confidence / (1 - confidence)))};
  };
  std::vector<std::vector<float>> exits;
  for (const double confidence : {0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.85, 0.9, 0.99}) exits.push_back(logits(confidence));
  CHECK(tested(follow(exits, "engine: zero_hold, rule: confidence, threshold: 0.84, start_exit: 4")) ==
        std::vector<std::size_t>{4, 5, 6});
  // From 0.5 and 0.6 at exits 0 and 1 the line reaches 0.84 three exits on; there it has been flat on the whole
  // (0.1 in 3), so that the next crossing is seen behind the reach of 3.
  const Walk line = follow(exits, "engine: first_hold, rule: confidence, threshold: 0.84, start_exit: 0, reach: 3");
  CHECK(tested(line) == std::vector<std::size_t>{0, 1, 4, 7});
  CHECK_FALSE(line.tests[0].decision.forecast);
  CHECK(line.tests[1].decision.forecast->exit == 4);
  CHECK(line.tests[2].decision.forecast->or_later);
  // From 0.5 to 0.7 it rises by 0.2 an exit: 0.9 at the next. To 0.75 by 0.05: 0.8, then 0.85 two exits on. To 0.8, two
  // exits behind, by 0.025: 0.825, then 0.85.
  exits.clear();
  for (const double confidence : {0.5, 0.7, 0.75, 0.5, 0.8, 0.5, 0.9, 0.99, 0.99}) exits.push_back(logits(confidence));
  const Walk near = follow(exits, "engine: first_hold, rule: confidence, threshold: 0.84, start_exit: 0, reach: 3");
  CHECK(tested(near) == std::vector<std::size_t>{0, 1, 2, 4, 6});
  CHECK(near.exit == 6);
  const std::size_t forecasts[] = {2, 4, 6};
  for (std::size_t test = 1; test <= 3; ++test) {
    CAPTURE(test);
    REQUIRE(near.tests[test].decision.forecast);
    CHECK(near.tests[test].decision.forecast->exit == forecasts[test - 1]);
    CHECK_FALSE(near.tests[test].decision.forecast->or_later);
  }
  CHECK(near.cost.macs == 7 * 100 + 5 * 10 + 3);  // one for each forecast
  // A line that falls crosses nothing: as far as the reach.
  exits[2] = logits(0.6);
  const Walk falling = follow(exits, "engine: first_hold, rule: confidence, threshold: 0.84, start_exit: 0, reach: 4");
  CHECK(tested(falling) == std::vector<std::size_t>{0, 1, 2, 6});
  CHECK(falling.tests[2].decision.forecast->or_later);
}

TEST_CASE("means near zero are raised to a share of the logits' size") {
  // The mean logit is 0, the mean size 2: without a floor everything would pass.
  const std::vector<std::vector<float>> centred(4, {-3, 3, -1, 1});
  CHECK(follow(centred, "threshold: 10, start_exit: 0, floor: 0.25").tests[0].decision.score == doctest::Approx(6));
  CHECK(follow(centred, "threshold: 10, start_exit: 0, floor: 0").exit == 0);
}

TEST_CASE("forecasts are counted, and held against the first exit that would have passed") {
  // Confidences over the exits of three samples: passing 0.9 at exit 2; at 4 only; never.
  const auto height = [](double confidence) { return static_cast<float>(std::log(3 * confidence / (1 - confidence))); };
  const float low = height(0.4), high = height(0.95);
  auto shared = std::make_shared<Shared>();
  shared->network = std::make_unique<Scripted>(
      std::vector<std::vector<Scripted::Answer>>{{{0, low}, {0, low}, {0, high}, {0, high}, {0, high}, {0, high}},
                                                 {{0, low}, {0, low}, {0, low}, {0, low}, {0, high}, {0, high}},
                                                 {{0, low}, {0, low}, {0, low}, {0, low}, {0, low}, {0, high}}});
  shared->calibration_ms = 1;
  shared->calibration.push_back(input(0));
  const PathOptions options =
      predictive("engine: convolution, rule: confidence, threshold: 0.9, start_exit: 0, reach: 2");
  shared->paths = {options};
  const auto path = make_path(shared, options);
  path->prepare();
  const auto run = [&](std::size_t index) {
    const std::vector<Sample> samples{sample(index)};
    const std::vector<Streams> streams{{1, index, 0}};
    Outcome outcome = path->run(samples, streams, {.trace = true}).front();
    path->analyse(samples[0], streams[0], outcome);
    return outcome;
  };
  // A one-hot logit of log 2 convolved twice is spread over its neighbours and never passes: jumps of two, as far as
  // the reach. From 0 to 2, "or later": right for all. From 2 on: 4, right.
  const Outcome first = run(0), second = run(1), third = run(2);
  CHECK(first.exit.index == 2);
  CHECK(first.exit.tested == 2);
  CHECK(first.exit.forecasts == 1);
  CHECK(first.exit.forecast_hits == 1);
  CHECK(first.exit.depth == doctest::Approx(0.5));
  CHECK(second.exit.index == 4);
  CHECK(second.exit.forecasts == 2);
  CHECK(second.exit.forecast_hits == 2);
  CHECK(third.exit.index == 5);
  CHECK(third.exit.forecast_hits == 2);
  REQUIRE(third.trace.size() == 4);
  CHECK(third.trace[0].find(R"("forecast":2,"or_later":true,"hit":true)") != std::string::npos);
  CHECK(third.trace[0].find(R"("next":2)") != std::string::npos);
}
