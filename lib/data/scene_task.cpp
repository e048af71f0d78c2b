#include "data/scene_task.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"
#include "data/scenes/render.hpp"
#include "data/word_tokenizer.hpp"

namespace dynexec {
namespace {

constexpr int kMaxDraws = 20000;

CaptionedScene draw_in_split(Split split, RandomStream& random, int complexity) {
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    CaptionedScene drawn{
        .complexity = complexity, .caption = {}, .scene = scenes::draw_scene(random, complexity), .pixels = {}};
    if (split_of_scene(drawn.scene.promises) != split) continue;
    drawn.caption = scenes::caption(drawn.scene, random);
    drawn.pixels = scenes::render(drawn.scene, random);
    return drawn;
  }
  throw Error(ErrorKind::internal, "no scene falls into the " + split_name(split) + " split", "scene task",
              "report this as a bug");
}

}  // namespace

void SceneOptions::check() const {
  const auto fail = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::config, what, "scene task", hint);
  };
  if (complexities.empty()) fail("no complexity is listed", "list at least one between 1 and 5");
  for (const int complexity : complexities)
    if (complexity < scenes::kMinComplexity || complexity > scenes::kMaxComplexity)
      fail(fmt::format("complexity {} is outside 1..5", complexity), "list complexities between 1 and 5");
  if (samples < 1) fail("samples must be at least 1", "set samples to 1 or more");
}

Split split_of_scene(const scenes::Promises& promises) {
  // The word in front was chosen so that some of the few scenes of complexity 1 fall into each split.
  return split_of_prompt("picture: " + scenes::describe(promises));
}

CaptionedScene draw_captioned_scene(const SceneOptions& options, std::uint64_t index, Purpose purpose) {
  RandomStream random(options.seed, index, 0, static_cast<std::uint32_t>(purpose));
  const int complexity = options.complexities[static_cast<std::size_t>(random.below(options.complexities.size()))];
  return draw_in_split(options.split, random, complexity);
}

std::vector<Sample> scene_samples(const SceneOptions& options) {
  options.check();
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.samples); ++i) {
    RandomStream random(options.seed, i, 0, static_cast<std::uint32_t>(Purpose::task));
    const int complexity = options.complexities[i % options.complexities.size()];
    samples.push_back({.index = i,
                       .id = fmt::format("{}-{}/{}/{}", split_name(options.split), options.seed, complexity, i),
                       .group = fmt::format("complexity/{}", complexity),
                       .input = draw_in_split(options.split, random, complexity)});
  }
  return samples;
}

nlohmann::json scene_tokenizer() {
  std::vector<std::string> words{","};
  for (const std::string& word : scenes::vocabulary()) words.push_back(word);
  return word_tokenizer(words);
}

}  // namespace dynexec
