#include "data/scenes/words.hpp"

#include <set>
#include <sstream>

namespace dynexec::scenes {
namespace {

constexpr std::string_view kColours[] = {"red", "orange", "yellow", "green", "blue", "purple", "white", "black"};
constexpr std::string_view kBackgrounds[] = {"gray", "white", "black", "brown", "pink", "cyan"};
constexpr std::string_view kShapes[] = {"disk", "square", "triangle", "cross", "ring", "bar"};
constexpr std::string_view kSizeNames[] = {"small", "large"};
constexpr std::string_view kTextureNames[] = {"plain", "stripes", "dots", "checker", "gradient"};
constexpr std::string_view kDirectionNames[] = {"left of", "right of", "above", "below"};

constexpr Phrase kColourPhrases[] = {{"red", 0},  {"orange", 1}, {"yellow", 2}, {"green", 3},
                                     {"blue", 4}, {"purple", 5}, {"white", 6},  {"black", 7}};
constexpr Phrase kBackgroundPhrases[] = {{"gray", 0},  {"white", 1}, {"black", 2},
                                         {"brown", 3}, {"pink", 4},  {"cyan", 5}};
constexpr Phrase kShapePhrases[] = {{"disk", 0},  {"circle", 0}, {"square", 1}, {"box", 1},  {"triangle", 2},
                                    {"cross", 3}, {"plus", 3},   {"ring", 4},   {"hoop", 4}, {"bar", 5}};
constexpr Phrase kSizePhrases[] = {{"small", 0}, {"little", 0}, {"large", 1}, {"big", 1}};
constexpr Phrase kTextureAdjectives[] = {{"plain", 0},   {"striped", 1},   {"dotted", 2},
                                         {"spotted", 2}, {"checkered", 3}, {"shaded", 4}};
constexpr Phrase kTextureEndings[] = {{"without a pattern", 0}, {"with stripes", 1}, {"with dots", 2},
                                      {"with spots", 2},        {"with checks", 3},  {"with a gradient", 4}};
constexpr Phrase kDirectionPhrases[] = {{"left of", 0}, {"to the left of", 0}, {"right of", 1}, {"to the right of", 1},
                                        {"above", 2},   {"over", 2},           {"below", 3},    {"under", 3}};
constexpr Phrase kOpenings[] = {{"there is", 0},    {"here is", 0},      {"we see", 0}, {"a picture of", 1},
                                {"an image of", 1}, {"a scene with", 1}, {"this is", 1}};
constexpr Phrase kGrounds[] = {{"on", 0}, {"against", 0}, {"in front of", 0}};
constexpr std::string_view kJoints = "a an the and is where with background";

}  // namespace

std::span<const std::string_view> colour_names() {
  return kColours;
}
std::span<const std::string_view> background_names() {
  return kBackgrounds;
}
std::span<const std::string_view> shape_names() {
  return kShapes;
}
std::span<const std::string_view> size_names() {
  return kSizeNames;
}
std::span<const std::string_view> texture_names() {
  return kTextureNames;
}
std::span<const std::string_view> direction_names() {
  return kDirectionNames;
}
std::span<const Phrase> colour_phrases() {
  return kColourPhrases;
}
std::span<const Phrase> background_phrases() {
  return kBackgroundPhrases;
}
std::span<const Phrase> shape_phrases() {
  return kShapePhrases;
}
std::span<const Phrase> size_phrases() {
  return kSizePhrases;
}
std::span<const Phrase> texture_adjectives() {
  return kTextureAdjectives;
}
std::span<const Phrase> texture_endings() {
  return kTextureEndings;
}
std::span<const Phrase> direction_phrases() {
  return kDirectionPhrases;
}
std::span<const Phrase> openings() {
  return kOpenings;
}
std::span<const Phrase> grounds() {
  return kGrounds;
}

std::vector<std::string> vocabulary() {
  std::set<std::string> words;
  const auto add = [&](std::string_view text) {
    std::istringstream in{std::string(text)};
    for (std::string word; in >> word;) words.insert(word);
  };
  for (const auto phrases : {colour_phrases(), background_phrases(), shape_phrases(), size_phrases(),
                             texture_adjectives(), texture_endings(), direction_phrases(), openings(), grounds()})
    for (const Phrase& phrase : phrases) add(phrase.text);
  add(kJoints);
  return {words.begin(), words.end()};
}

}  // namespace dynexec::scenes
