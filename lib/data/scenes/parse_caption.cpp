#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"

namespace dynexec::scenes {
namespace {

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(word);
    word.clear();
  };
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      finish();
    } else if (c == ',') {
      finish();
      words.emplace_back(",");
    } else {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  finish();
  return words;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : words_(split_words(text)) {}

  Promises read() {
    accept_one_of(openings());
    read_part();
    while (at_ < words_.size()) {
      const bool comma = accept(","), conjunction = accept("and"), clause = accept("where") || accept("with");
      const bool opening = comma && accept_one_of(openings()).has_value();
      if (!comma && !conjunction && !clause && !opening && !at_ground()) fail("is not expected here");
      read_part();
    }
    if (promises_.objects.empty()) fail("comes before any object is named");
    return canonical(promises_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const bool over = at_ >= words_.size();
    throw Error(ErrorKind::data, over ? "the caption ends too early" : fmt::format("'{}' {}", words_[at_], what),
                fmt::format("word {} of the caption", at_ + 1),
                "write it like 'a red disk left of a small blue square on a striped gray background'");
  }

  bool accept(std::string_view word) {
    if (at_ >= words_.size() || words_[at_] != word) return false;
    ++at_;
    return true;
  }

  void expect(std::string_view word) {
    if (!accept(word)) fail(fmt::format("stands where '{}' should", word));
  }

  bool accept_phrase(std::string_view phrase) {
    std::size_t at = at_;
    while (!phrase.empty()) {
      const std::string_view word = phrase.substr(0, phrase.find(' '));
      if (at >= words_.size() || words_[at] != word) return false;
      ++at;
      phrase.remove_prefix(std::min(phrase.size(), word.size() + 1));
    }
    at_ = at;
    return true;
  }

  std::optional<int> accept_one_of(std::span<const Phrase> phrases) {
    for (const Phrase& phrase : phrases)
      if (accept_phrase(phrase.text)) return phrase.meaning;
    return std::nullopt;
  }

  int expect_one_of(std::span<const Phrase> phrases, const char* kind) {
    const auto meaning = accept_one_of(phrases);
    if (!meaning) fail(fmt::format("is no {}", kind));
    return *meaning;
  }

  void expect_article() {
    if (!accept("a") && !accept("an")) fail("stands where 'a' should");
  }

  bool at_ground() {
    const std::size_t at = at_;
    const bool found = accept_one_of(grounds()).has_value();
    at_ = at;
    return found;
  }

  void read_part() {
    if (accept_one_of(grounds())) {
      read_ground();
      return;
    }
    const int first = read_thing();
    const bool is = accept("is");
    const auto direction = accept_one_of(direction_phrases());
    if (!direction) {
      if (is) fail("is no direction");
      return;
    }
    const std::size_t at = at_;
    const int second = read_thing();
    add({static_cast<Direction>(*direction), first, second}, at);
  }

  void read_ground() {
    if (promises_.background || promises_.texture) fail("begins a second background");
    expect_article();
    auto texture = accept_one_of(texture_adjectives());
    promises_.background = accept_one_of(background_phrases());
    expect("background");
    if (!texture) texture = accept_one_of(texture_endings());
    if (texture) promises_.texture = static_cast<Texture>(*texture);
    if (!promises_.background && !promises_.texture) fail("comes behind a background of which nothing is said");
  }

  // The colour of an object, new or named before.
  int read_thing() {
    if (accept("the")) return read_reference();
    const std::size_t at = at_;
    expect_article();
    PromisedObject object;
    if (const auto size = accept_one_of(size_phrases())) object.size = static_cast<Size>(*size);
    object.colour = expect_one_of(colour_phrases(), "colour of objects");
    object.shape = expect_one_of(shape_phrases(), "shape");
    const bool taken = std::any_of(promises_.objects.begin(), promises_.objects.end(),
                                   [&](const PromisedObject& other) { return other.colour == object.colour; });
    if (taken || promises_.objects.size() == kMaxObjects) {
      at_ = at;
      fail(taken ? "begins a second object of the same colour" : "begins an object too many");
    }
    promises_.objects.push_back(object);
    return object.colour;
  }

  int read_reference() {
    const std::size_t at = at_;
    const auto colour = accept_one_of(colour_phrases());
    const int shape = expect_one_of(shape_phrases(), "shape");
    std::vector<int> meant;
    for (const PromisedObject& object : promises_.objects)
      if (object.shape == shape && (!colour || object.colour == *colour)) meant.push_back(object.colour);
    if (meant.size() != 1) {
      at_ = at;
      fail(meant.empty() ? "begins an object that was not named before" : "begins what may be several objects");
    }
    return meant.front();
  }

  // Refuses what no picture can show: an object beside itself, or a pair in two directions.
  void add(const Relation& relation, std::size_t at) {
    const Relation turned{opposite(relation.direction), relation.second, relation.first};
    bool possible = relation.first != relation.second;
    for (const Relation& other : promises_.relations) {
      const bool same_pair = (other.first == relation.first && other.second == relation.second) ||
                             (other.first == relation.second && other.second == relation.first);
      possible = possible && (!same_pair || other == relation || other == turned);
    }
    if (!possible) {
      at_ = at;
      fail("begins an object that cannot lie there");
    }
    promises_.relations.push_back(relation);
  }

  std::vector<std::string> words_;
  std::size_t at_ = 0;
  Promises promises_;
};

}  // namespace

Promises parse_caption(std::string_view text) {
  return Reader(text).read();
}

}  // namespace dynexec::scenes
