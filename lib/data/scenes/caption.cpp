#include "data/scenes/caption.hpp"

#include <algorithm>

namespace dynexec::scenes {
namespace {

std::string with_article(const std::string& words) {
  const bool vowel = std::string_view("aeiou").find(words.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + words;
}

class Writer {
 public:
  Writer(const Promises& promises, RandomStream& random) : promises_(promises), random_(random) {
    random_.shuffle(promises_.objects);
    random_.shuffle(promises_.relations);
    for (const PromisedObject& object : promises_.objects) shape_words_.push_back(say(shape_phrases(), object.shape));
  }

  std::string write() {
    const std::string ground = say_ground();
    const bool ground_first = !ground.empty() && chance(0.3);
    std::string text;
    if (ground_first) text = ground + ", ";
    if (chance(0.6)) text += say(openings(), !ground_first && chance(0.5) ? 1 : 0) + " ";
    const bool in_one = promises_.objects.size() == 2 && promises_.relations.size() == 1 && chance(0.5);
    text += in_one ? related_pair() : list();
    if (!ground.empty() && !ground_first) text += " " + ground;
    if (!in_one) text += relations();
    return text;
  }

 private:
  bool chance(double probability) { return random_.uniform() < probability; }

  std::string say(std::span<const Phrase> phrases, int meaning) {
    std::vector<std::string_view> fitting;
    for (const Phrase& phrase : phrases)
      if (phrase.meaning == meaning) fitting.push_back(phrase.text);
    return std::string(fitting[static_cast<std::size_t>(random_.below(fitting.size()))]);
  }

  // "a small red disk"
  std::string introduce(std::size_t object) {
    const PromisedObject& promised = promises_.objects[object];
    std::string words;
    if (promised.size) words = say(size_phrases(), static_cast<int>(*promised.size)) + " ";
    words += say(colour_phrases(), promised.colour) + " " + shape_words_[object];
    return with_article(words);
  }

  // "the red disk", or "the disk" where there is but one
  std::string refer_to(int colour) {
    std::size_t object = 0;
    while (promises_.objects[object].colour != colour) ++object;
    const int shape = promises_.objects[object].shape;
    const auto same = std::count_if(promises_.objects.begin(), promises_.objects.end(),
                                    [&](const PromisedObject& other) { return other.shape == shape; });
    const bool by_shape = chance(0.6) && same == 1;
    return "the " + (by_shape ? "" : say(colour_phrases(), colour) + " ") + shape_words_[object];
  }

  std::string list() {
    std::string text;
    const std::size_t count = promises_.objects.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += i + 1 < count ? ", " : " and ";
      text += introduce(i);
    }
    return text;
  }

  // "a red disk left of a blue square"
  std::string related_pair() {
    const Relation& relation = promises_.relations.front();
    const bool forward = promises_.objects.front().colour == relation.first;
    const Direction direction = forward ? relation.direction : opposite(relation.direction);
    const std::string first = introduce(0);
    const std::string between = say(direction_phrases(), static_cast<int>(direction));
    return first + " " + between + " " + introduce(1);
  }

  // ", where the disk is left of the square and the ring is above the disk"
  std::string relations() {
    if (promises_.relations.empty()) return {};
    const bool clauses = chance(0.5);
    std::string text = clauses ? ", where " : ", with ";
    const std::size_t count = promises_.relations.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += i + 1 < count ? ", " : " and ";
      const Relation& relation = promises_.relations[i];
      const bool forward = chance(0.5);
      const Direction direction = forward ? relation.direction : opposite(relation.direction);
      text += refer_to(forward ? relation.first : relation.second) + (clauses ? " is " : " ");
      text += say(direction_phrases(), static_cast<int>(direction)) + " ";
      text += refer_to(forward ? relation.second : relation.first);
    }
    return text;
  }

  // "on a striped gray background"
  std::string say_ground() {
    if (!promises_.background && !promises_.texture) return {};
    const std::string ground = say(grounds(), 0) + " ";
    const bool adjective = chance(0.5);
    std::string words;
    if (promises_.texture && adjective) words = say(texture_adjectives(), static_cast<int>(*promises_.texture)) + " ";
    if (promises_.background) words += say(background_phrases(), *promises_.background) + " ";
    std::string text = ground + with_article(words + "background");
    if (promises_.texture && !adjective) text += " " + say(texture_endings(), static_cast<int>(*promises_.texture));
    return text;
  }

  Promises promises_;
  RandomStream& random_;
  std::vector<std::string> shape_words_;  // of the objects: the same all through the caption
};

}  // namespace

std::string caption(const Promises& promises, RandomStream& random) {
  return Writer(promises, random).write();
}

std::string caption(const Scene& scene, RandomStream& random) {
  return caption(scene.promises, random);
}

}  // namespace dynexec::scenes
