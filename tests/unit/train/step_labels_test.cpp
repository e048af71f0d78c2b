#include "train/step_labels.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.hpp"
#include "step_fixture.hpp"
#include "train/step_labelling.hpp"
#include "train/step_predictor_export.hpp"

using namespace dynexec;
using dynexec_test::StepSetup;

namespace {

const std::vector<std::int64_t> kGrid{4, 8, 12, 20, 40};

StepCurve successive(std::vector<double> values) {
  return {.successive = std::move(values), .to_reference = {}};
}

StepCurve to_reference(std::vector<double> values) {
  return {.successive = {}, .to_reference = std::move(values)};
}

// What the labelling of a setup's first texts is.
struct Labelling {
  explicit Labelling(std::size_t texts) {
    for (std::size_t i = 0; i < texts; ++i)
      labelling.texts.push_back(i % 2 == 0 ? "a red disk" : "a red disk left of a blue square");
    labelling.sampler = model.sampling();
    labelling.grid = {4, 8, 12, 20, 30};
    labelling.seeds = 2;
    labelling.together = 3;
  }
  std::vector<std::vector<StepCurve>> run(const std::function<bool()>& cancelled = nullptr) const {
    return label_steps(labelling, model, file, nullptr, cancelled);
  }
  ErrorKind refusal() const {
    return dynexec_test::error_of<Error>([&] { run(); }).kind();
  }

  dynexec_test::TempFolder folder;
  std::string file = folder.file("labels.csv");
  dynexec_test::SettlingModel model;
  StepLabelling labelling;
};

}  // namespace

TEST_CASE("the first decline of similarity is found") {
  CHECK(first_decline(kGrid, successive({0.5, 0.7, 0.6, 0.9}), 0.005) == 12);
  CHECK(first_decline(kGrid, successive({0.5, 0.4, 0.3, 0.2}), 0.005) == 8);
  // Falls within the tolerance are none, and neither is a first value.
  CHECK(first_decline(kGrid, successive({0.5, 0.7, 0.696, 0.6}), 0.005) == 20);
  CHECK(first_decline(kGrid, successive({0.1, 0.2, 0.3, 0.4}), 0.005) == 40);
  CHECK(first_decline(kGrid, successive({0.9, 0.9, 0.9, 0.9}), 0) == 40);
}

TEST_CASE("the count from which on pictures stay is found") {
  CHECK(settled_steps(kGrid, to_reference({0.5, 0.8, 0.9, 0.95, 1}), 0.9) == 12);
  // Being near once is not enough.
  CHECK(settled_steps(kGrid, to_reference({0.95, 0.8, 0.92, 0.95, 1}), 0.9) == 12);
  CHECK(settled_steps(kGrid, to_reference({0.95, 0.96, 0.97, 0.98, 1}), 0.9) == 4);
  CHECK(settled_steps(kGrid, to_reference({0.95, 0.96, 0.97, 0.5, 1}), 0.9) == 40);
}

TEST_CASE("labels are means over the noises, at the nearest count") {
  const std::vector<StepCurve> curves{to_reference({0.5, 0.8, 0.9, 0.95, 1}), to_reference({0.95, 0.96, 0.97, 0.98, 1}),
                                      to_reference({0.5, 0.6, 0.7, 0.95, 1})};
  const StepLabel label = label_of(kGrid, curves, {});
  CHECK(label.mean == doctest::Approx(12));
  CHECK(label.steps == 12);
  CHECK(label_of(kGrid, std::span(curves).first(2), {}).steps == 8);
}

TEST_CASE("the count that shows what is promised is found over all noises") {
  const auto shown = [](std::vector<double> values) {
    return StepCurve{.successive = {}, .to_reference = {}, .shown = std::move(values)};
  };
  const std::vector<StepCurve> curves{shown({0.2, 0.6, 1, 1, 1}), shown({1, 0.8, 0.6, 0.8, 0.8})};
  const std::vector<double> means{0.6, 0.7, 0.8, 0.9, 0.9};
  CHECK(sufficient_steps(kGrid, means, 0.02) == 20);
  CHECK(sufficient_steps(kGrid, means, 0.15) == 12);
  CHECK(sufficient_steps(kGrid, means, 1) == 4);
  CHECK(sufficient_steps(kGrid, curves[0].shown, 0) == 12);
  // Enough once is not enough.
  CHECK(sufficient_steps(kGrid, curves[1].shown, 0) == 20);
  const StepLabel sufficient = label_of(kGrid, curves, {.label = "C", .decline = 0.15});
  CHECK(sufficient.steps == 12);
  CHECK(sufficient.mean == 12);
  CHECK(sufficient.gains.empty());
  // What is shown less a price: similarity is not asked for.
  const StepLabel worthwhile = label_of(kGrid, curves, {.label = "E", .price = 0.02});
  CHECK(worthwhile.steps == 12);
  CHECK(label_of(kGrid, curves, {.label = "E", .price = 0.001}).steps == 20);
  const std::vector<double> gains{0.02, 0.02, -0.06, -0.4};
  REQUIRE(worthwhile.gains.size() == gains.size());
  for (std::size_t k = 0; k < gains.size(); ++k) CHECK(worthwhile.gains[k] == doctest::Approx(gains[k]));
  for (std::size_t k = 0; k < means.size(); ++k) {
    CHECK(worthwhile.quality[k] == doctest::Approx(means[k]));
    CHECK(sufficient.quality[k] == doctest::Approx(means[k]));
  }
}

TEST_CASE("no other counts of as many steps bring more similarity than those that are worth their price") {
  std::vector<StepCurve> curves;
  for (const double error : {0.5, 1.5, 4.0, 2.5}) {
    std::vector<double> similar;
    for (const std::int64_t steps : kGrid) similar.push_back(1 - error / static_cast<double>(steps));
    curves.push_back(to_reference(similar));
  }
  for (const double price : {0.001, 0.004, 0.01, 0.03}) {
    CAPTURE(price);
    double chosen = 0;
    std::int64_t steps = 0;
    for (const StepCurve& curve : curves) {
      const std::int64_t count = worthwhile_steps(kGrid, curve.to_reference, price);
      steps += count;
      chosen +=
          curve.to_reference[static_cast<std::size_t>(std::find(kGrid.begin(), kGrid.end(), count) - kGrid.begin())];
    }
    // Every way to give counts to the four.
    double best = 0;
    for (std::size_t way = 0; way < 5 * 5 * 5 * 5; ++way) {
      std::int64_t total = 0;
      double similar = 0;
      std::size_t rest = way;
      for (const StepCurve& curve : curves) {
        total += kGrid[rest % 5];
        similar += curve.to_reference[rest % 5];
        rest /= 5;
      }
      if (total <= steps) best = std::max(best, similar);
    }
    CHECK(chosen == doctest::Approx(best).epsilon(1e-12));
  }
  // Of equals the smaller one; noises count by their mean.
  CHECK(worthwhile_steps(kGrid, std::vector<double>{0.5, 0.5, 0.5, 0.5, 0.5}, 0) == 4);
  const std::vector<StepCurve> two{to_reference({0, 0.9, 1, 1, 1}), to_reference({0, 0.1, 0.6, 0.9, 1})};
  CHECK(label_of(kGrid, std::span(two).first(1), {.label = "D", .price = 0.03}).steps == 8);
  const StepLabel label = label_of(kGrid, two, {.label = "D", .price = 0.03});
  CHECK(label.mean == 12);
  CHECK(label.steps == 12);
  const std::vector<double> quality{0, 0.5, 0.8, 0.95, 1}, gains{0.38, 0.18, -0.09, -0.55};
  for (std::size_t k = 0; k < quality.size(); ++k) CHECK(label.quality[k] == doctest::Approx(quality[k]));
  REQUIRE(label.gains.size() == gains.size());
  for (std::size_t k = 0; k < gains.size(); ++k) CHECK(label.gains[k] == doctest::Approx(gains[k]));
  CHECK(label_of(kGrid, two, {}).gains.empty());
}

TEST_CASE("quality between two counts is in proportion") {
  const std::vector<StepLabel> labels{{.quality = {0, 0.5, 0.8, 0.9, 1}, .gains = {}},
                                      {.quality = {0.2, 0.7, 0.8, 0.9, 1}, .gains = {}}};
  CHECK(quality_at(kGrid, labels, 4) == doctest::Approx(0.1));
  CHECK(quality_at(kGrid, labels, 8) == doctest::Approx(0.6));
  CHECK(quality_at(kGrid, labels, 11) == doctest::Approx(0.75));
  CHECK(quality_at(kGrid, labels, 40) == doctest::Approx(1));
  const std::vector<std::int64_t> predicted{8, 20};
  CHECK(score_steps(kGrid, predicted, labels).quality == doctest::Approx(0.7));
}

TEST_CASE("a judge's findings are kept beside the similarities") {
  // The judge sees pictures of its own size.
  class Small : public dynexec_test::SettlingModel {
   public:
    ImageShape latent_shape() const override { return {3, 32, 32}; }
  };
  Labelling plain(4);
  StepLabelling judged = plain.labelling;
  const Small model;
  const std::string folder = DYNEXEC_SOURCE_DIR "/models/scenes-classifier";
  judged.judge = std::make_shared<SceneJudge>(folder, model.picture_shape());
  judged.judge_sha256 = "judge";
  const auto curves = label_steps(judged, model, plain.file, nullptr, nullptr);
  REQUIRE(curves.size() == 4);
  for (const auto& of_text : curves)
    for (const StepCurve& curve : of_text) {
      REQUIRE(curve.shown.size() == judged.grid.size());
      for (const double share : curve.shown) CHECK((share >= 0 && share <= 1));
    }
  // Read back as they were, and not for another judge or none.
  const auto again = label_steps(judged, model, plain.file, nullptr, nullptr);
  CHECK(again[3][1].shown == curves[3][1].shown);
  CHECK(again[3][1].to_reference == curves[3][1].to_reference);
  judged.judge_sha256 = "another";
  CHECK_THROWS_AS(label_steps(judged, model, plain.file, nullptr, nullptr), Error);
}

TEST_CASE("labelling that was stopped or killed ends with the same file") {
  const Labelling whole(8);
  const auto curves = whole.run();
  const std::string wanted = dynexec_test::read_text(whole.file);
  REQUIRE(curves.size() == 8);
  REQUIRE(curves[0].size() == 2);
  CHECK(curves[0][0].to_reference == std::vector<double>{curves[0][0].to_reference[0], 1, 1, 1, 1});
  CHECK(curves[0][0].to_reference[0] < 0.5);
  // Every noise is another picture.
  CHECK(curves[0][0].to_reference[0] != curves[0][1].to_reference[0]);

  Labelling stopped(8);
  int polls = 0;
  CHECK_THROWS_AS(stopped.run([&] { return polls++ == 1; }), Error);
  stopped.model.begun = 0;
  stopped.run();
  CHECK(dynexec_test::read_text(stopped.file) == wanted);
  CHECK(stopped.model.begun == 2 * 5);  // two groups of texts were left, five counts each

  for (std::size_t bytes = wanted.find('\n') + 1; bytes < wanted.size(); bytes += 37) {
    if (bytes < wanted.find('\n', wanted.find('\n') + 1) + 1) continue;  // written at once, with the first line
    Labelling killed(8);
    dynexec_test::write_text(killed.file, wanted.substr(0, bytes));
    const auto again = killed.run();
    CHECK(dynexec_test::read_text(killed.file) == wanted);
    CHECK(again[7][1].to_reference == curves[7][1].to_reference);
  }
}

TEST_CASE("labels of other settings are refused, and damaged ones") {
  Labelling base(4);
  base.run();
  const auto refused_after = [&](auto change) {
    Labelling other(4);
    other.file = base.file;
    change(other);
    return other.refusal() == ErrorKind::config;
  };
  CHECK(refused_after([](Labelling& l) { l.model.hash = "other"; }));
  CHECK(refused_after([](Labelling& l) { l.labelling.seeds = 3; }));
  CHECK(refused_after([](Labelling& l) { l.labelling.guidance = 2; }));
  CHECK(refused_after([](Labelling& l) { l.labelling.sampler.spacing = Spacing::leading; }));
  CHECK(refused_after([](Labelling& l) { l.labelling.grid.back() = 31; }));
  CHECK(refused_after([](Labelling& l) { l.labelling.texts[3] = "a blue disk"; }));
  CHECK(refused_after([](Labelling& l) { l.model.text = false; }));
  const std::string good = dynexec_test::read_text(base.file);
  for (const std::string& bad : {good + "4,0,1\n", good.substr(0, good.rfind("\n3,1") + 1) + "3,0,1,1,1,1,1,1,1,1\n",
                                 good.substr(0, good.rfind("\n3,1") + 1) + "3,1,1,1,x,1,1,1,1,1\n",
                                 good.substr(0, good.rfind("\n3,1") + 1) + "3,1,1,1,nan,1,1,1,1,1\n"}) {
    dynexec_test::write_text(base.file, bad);
    CHECK(base.refusal() == ErrorKind::data);
  }
}
