// Captions to draw, and the judge of what pictures show of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "experiments/diffusion/prompts.hpp"
#include "pictures/scene_judge.hpp"

using namespace dynexec;
using namespace dynexec::diffusion;

TEST_CASE("scenes to draw: captions with their promises, calibration apart, real pictures of the same promises") {
  const auto read = [](const std::string& task, bool takes_text) {
    return read_prompt_lists(Config::parse("{judge: some, task: " + task + "}", "t.yaml", {}).root(), 4, 7, takes_text);
  };
  const PromptLists lists = read("{kind: scenes, samples: 10, complexities: [1, 3], real_pictures: 15}", true);
  REQUIRE(lists.test.size() == 10);
  CHECK(lists.calibration.size() == 4);
  REQUIRE(lists.real_pictures.size() == 15);
  CHECK(lists.test[0].group == "complexity/1");
  CHECK(lists.test[1].group == "complexity/3");
  CHECK(lists.test[1].promises->objects.size() == 2);
  CHECK(lists.test[0].id != lists.calibration[0].id);
  float lowest = 0, highest = 0;
  for (const float value : lists.real_pictures[12])
    lowest = std::min(lowest, value), highest = std::max(highest, value);
  CHECK(lists.real_pictures[12].size() == 3 * 32 * 32);
  CHECK(lowest < -0.2f);
  CHECK(lowest >= -1);
  CHECK(highest <= 1);
  const Config unjudged = Config::parse("task: {kind: scenes, real_pictures: 15}", "t.yaml", {});
  CHECK(read_prompt_lists(unjudged.root(), 4, 7, true).real_pictures.empty());
  CHECK(lists.real_pictures[0] != lists.real_pictures[10]);  // the same promises, drawn anew
  CHECK(read("{kind: from_noise, samples: 4}", false).test[3].text.empty());
  for (const auto& [task, takes_text] : {std::pair{"{kind: from_noise}", true}, std::pair{"{kind: scenes}", false}}) {
    const std::string text = task;
    const bool reads = takes_text;
    CHECK_THROWS_AS(read(text, reads), Error);
  }
}

TEST_CASE("a judge refuses classifiers of other labels") {
  CHECK_THROWS_AS(SceneJudge(DYNEXEC_SOURCE_DIR "/models/shapes-resnet", {3, 32, 32}), Error);
  CHECK_THROWS_AS(SceneJudge(DYNEXEC_SOURCE_DIR "/models/scenes-classifier", {3, 64, 64}), Error);
  const SceneJudge judge(DYNEXEC_SOURCE_DIR "/models/scenes-classifier", {3, 32, 32});
  const PromptLists lists = read_prompt_lists(
      Config::parse("{judge: some, task: {samples: 40, real_pictures: 40}}", "t.yaml", {}).root(), 1, 3, true);
  double right = 0, wrong = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    const SceneJudgement seen = judge.judge(lists.real_pictures[i]);
    right += seen.accuracy(*lists.test[i].promises) / 40;
    wrong += seen.accuracy(*lists.test[(i + 5) % 40].promises) / 40;
    CHECK(seen.distance(seen) == 0);
  }
  CHECK(right > 0.95);
  CHECK(wrong < 0.6);
}
