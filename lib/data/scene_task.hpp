// The procedural scene task: captions of five complexities with pictures, in disjoint splits.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/reasoning_task.hpp"
#include "data/scenes/scene.hpp"

namespace dynexec {

struct SceneOptions {
  Split split = Split::test;
  std::vector<int> complexities = {1, 2, 3, 4, 5};
  std::int64_t samples = 200;
  std::uint64_t seed = 1;

  void check() const;  // Error(config)
};

struct CaptionedScene {
  int complexity = 1;
  std::string caption;
  scenes::Scene scene;
  std::vector<float> pixels;  // [3, 32, 32] in [0, 1]
};

// The split that captions of these promises belong to: a hash of what they say decides, whatever their wording.
Split split_of_scene(const scenes::Promises& promises);

// Scene number `index` of an endless stream: draws from (seed, index) until it falls into `split`. The complexity is
// uniform. Any index can be drawn alone.
CaptionedScene draw_captioned_scene(const SceneOptions& options, std::uint64_t index, Purpose purpose);

// Complexities take turns, so that every group "complexity/N" has the same share; inputs are CaptionedScene. Of the
// lowest complexity there are few captions: these come again, with other pictures. Error(config) for bad options.
std::vector<Sample> scene_samples(const SceneOptions& options);

// A tokenizer.json that has a token for every word of captions; see word_tokenizer().
nlohmann::json scene_tokenizer();

}  // namespace dynexec
