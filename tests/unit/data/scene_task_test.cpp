#include "data/scene_task.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"
#include "data/tokenizer.hpp"

using namespace dynexec;

namespace {

SceneOptions options_of(Split split, std::int64_t samples, std::vector<int> complexities = {1, 2, 3, 4, 5}) {
  SceneOptions options;
  options.split = split;
  options.samples = samples;
  options.complexities = std::move(complexities);
  return options;
}

const CaptionedScene& scene_of(const Sample& sample) {
  return std::any_cast<const CaptionedScene&>(sample.input);
}

}  // namespace

TEST_CASE("scene task: groups have equal shares, and what captions say is in one split only") {
  std::map<std::string, Split> contents;
  for (const Split split : {Split::train, Split::calibration, Split::test}) {
    std::map<std::string, int> shares;
    std::set<std::string> ids;
    for (const Sample& sample : scene_samples(options_of(split, 500))) {
      ++shares[sample.group];
      CHECK(ids.insert(sample.id).second);
      const std::string content = scenes::describe(scenes::parse_caption(scene_of(sample).caption));
      CHECK(contents.emplace(content, split).first->second == split);
      CHECK(sample.group == "complexity/" + std::to_string(scene_of(sample).complexity));
    }
    CHECK(shares.size() == 5);
    for (const auto& share : shares) CHECK(share.second == 100);
  }
  // Training scenes of any seed are in the training split.
  SceneOptions train = options_of(Split::train, 1);
  for (std::uint64_t i = 0; i < 300; ++i) {
    train.seed = i;
    const CaptionedScene drawn = draw_captioned_scene(train, i, Purpose::training);
    CHECK(split_of_scene(scenes::parse_caption(drawn.caption)) == Split::train);
  }
}

TEST_CASE("scene task: the few contents of complexity 1 are in all splits") {
  std::map<Split, int> counts;
  for (int colour = 0; colour < 8; ++colour)
    for (int shape = 0; shape < 6; ++shape)
      ++counts[split_of_scene({.objects = {{.colour = colour, .shape = shape, .size = {}}},
                               .background = {},
                               .texture = {},
                               .relations = {}})];
  CHECK(counts[Split::train] == 42);
  CHECK(counts[Split::calibration] == 3);
  CHECK(counts[Split::test] == 3);
}

TEST_CASE("scene task: scenes can be drawn alone and do not change") {
  const SceneOptions options = options_of(Split::test, 10);
  const auto first = scene_samples(options), second = scene_samples(options);
  CHECK(scene_of(first[7]).caption == scene_of(second[7]).caption);
  CHECK(scene_of(first[7]).pixels == scene_of(second[7]).pixels);
  CHECK(scene_samples(options_of(Split::test, 5))[4].id == first[4].id);
  CHECK(scene_of(scene_samples(options_of(Split::test, 5))[4]).pixels == scene_of(first[4]).pixels);
  CHECK(draw_captioned_scene(options, 3, Purpose::training).caption ==
        draw_captioned_scene(options, 3, Purpose::training).caption);
  // Part of the task's definition: results of different versions must stay comparable.
  CHECK(scene_of(first[0]).caption == "a red triangle");
  CHECK(scene_of(first[4]).caption ==
        "against a gray background with spots, a purple plus, an orange plus and a large yellow ring, where the purple "
        "plus is over the ring and the purple plus is to the left of the orange plus");
  CHECK(scene_of(first[4]).scene.objects[0].x == doctest::Approx(13.9926472772683).epsilon(1e-12));
  double sum = 0;
  for (const float value : scene_of(first[4]).pixels) sum += value;
  CHECK(sum == doctest::Approx(1645.36470390856).epsilon(1e-7));
  SceneOptions train;
  train.split = Split::train;
  CHECK(draw_captioned_scene(train, 7, Purpose::training).caption ==
        "on a brown background without a pattern, we see a blue bar, a yellow triangle and a black circle, with the "
        "black circle to the left of the triangle and the bar above the yellow triangle");
}

TEST_CASE("scene task: the tokenizer knows every word") {
  const auto tokenizer = Tokenizer::parse(scene_tokenizer(), "tokenizer.json");
  std::size_t longest = 0;
  for (const Sample& sample : scene_samples(options_of(Split::train, 3000))) {
    const auto ids = tokenizer->encode(scene_of(sample).caption, true);
    CHECK(ids.front() == tokenizer->token_id("[CLS]"));
    CHECK(ids.back() == tokenizer->token_id("[SEP]"));
    CHECK(std::count(ids.begin(), ids.end(), tokenizer->token_id("[UNK]")) == 0);
    longest = std::max(longest, ids.size());
  }
  CHECK(longest > 60);
  CHECK(longest <= 80);
  CHECK(scene_tokenizer()["model"]["vocab"].size() <= 100);
}

TEST_CASE("scene task: bad options are refused") {
  CHECK_THROWS_AS(scene_samples(options_of(Split::test, 0)), Error);
  CHECK_THROWS_AS(scene_samples(options_of(Split::test, 5, {})), Error);
  CHECK_THROWS_AS(scene_samples(options_of(Split::test, 5, {6})), Error);
}
