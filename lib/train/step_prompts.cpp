#include "train/step_prompts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"
#include "data/word_tokenizer.hpp"
#include "models/step_predictor.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kMostWords = 8192;

StepPrompts scene_prompts(const StepPromptOptions& options) {
  StepPrompts prompts;
  prompts.training = static_cast<std::size_t>(options.training);
  SceneOptions scenes = options.scenes;
  for (std::int64_t i = 0; i < options.training + options.evaluation; ++i) {
    const bool trains = i < options.training;
    const auto index = static_cast<std::uint64_t>(trains ? i : i - options.training);
    scenes.split = trains ? Split::train : Split::calibration;
    const CaptionedScene scene = draw_captioned_scene(scenes, index, Purpose::prompts);
    prompts.texts.push_back(scene.caption);
    if (!trains) continue;
    auto& wordings = prompts.wordings.emplace_back(std::vector{scene.caption});
    RandomStream random(scenes.seed, index, 1, static_cast<std::uint32_t>(Purpose::prompts));
    while (static_cast<std::int64_t>(wordings.size()) < options.wordings)
      wordings.push_back(scenes::caption(scene.scene.promises, random));
  }
  prompts.description = fmt::format(
      "scene captions, complexities {}, seed {}: {} of the split `train` in up to {} wordings, {} of `calibration`",
      fmt::join(scenes.complexities, ", "), scenes.seed, options.training, options.wordings, options.evaluation);
  return prompts;
}

StepPrompts file_prompts(const StepPromptOptions& options) {
  StepPrompts prompts;
  std::set<std::string> seen;
  for (PromptRecord& record : read_prompts(options.file))
    if (seen.insert(record.prompt).second) prompts.texts.push_back(std::move(record.prompt));
  const auto wanted = static_cast<std::size_t>(options.file.samples);
  if (wanted > 0) prompts.texts.resize(std::min(prompts.texts.size(), wanted));
  const std::size_t count = prompts.texts.size();
  const auto held_out = static_cast<std::size_t>(std::ceil(options.held_out * static_cast<double>(count)));
  if (count < held_out + 2 || count < wanted)
    throw Error(ErrorKind::config, fmt::format("the file has {} different prompts", count), options.file.file,
                "name a larger file, or lower prompts.samples");
  prompts.training = count - held_out;
  for (std::size_t i = 0; i < prompts.training; ++i) prompts.wordings.push_back({prompts.texts[i]});
  prompts.description =
      fmt::format("{}: {} prompts, and {} at its end to evaluate on", options.file.file, prompts.training, held_out);
  return prompts;
}

bool is_letter(char c) {
  // All bytes of characters beyond ASCII count.
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

// Lower case, letters and punctuation apart: what a word tokenizer makes of it.
void count_pieces(const std::string& text, std::map<std::string, int>& counts) {
  std::string piece;
  const auto end = [&] {
    if (!piece.empty()) ++counts[piece];
    piece.clear();
  };
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_white_space(c) || (!piece.empty() && is_letter(piece.back()) != is_letter(c))) end();
    if (!is_white_space(c)) piece += c;
  }
  end();
}

}  // namespace

StepPrompts open_step_prompts(const StepPromptOptions& options) {
  return options.kind == "scenes" ? scene_prompts(options) : file_prompts(options);
}

nlohmann::json step_tokenizer(const StepPromptOptions& options, const StepPrompts& prompts) {
  if (options.kind == "scenes") return scene_tokenizer();
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < prompts.training; ++i) count_pieces(prompts.texts[i], counts);
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& [word, count] : counts)
    if (count > 1) ranked.emplace_back(-count, word);
  std::sort(ranked.begin(), ranked.end());
  if (ranked.size() > kMostWords) ranked.resize(kMostWords);
  std::vector<std::string> words;
  for (auto& [count, word] : ranked) words.push_back(std::move(word));
  return word_tokenizer(words);
}

}  // namespace dynexec
