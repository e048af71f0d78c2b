// Questions about a small world of dishes and opinions, to be sorted into three classes.
#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"

namespace dynexec::sentences {

inline constexpr int kMinDifficulty = 1;
inline constexpr int kMaxDifficulty = 5;

// "good", "bad", "unknown": what the text says about the dish that it asks for.
const std::vector<std::string>& class_names();

struct Sentence {
  std::string text;
  int label = 0;  // into class_names()
  int difficulty = 1;
};

// Draws a text of this difficulty and label:
//   1  an opinion in one word, or a dish that nobody had
//   2  something that confirms or turns it ("rightly said that", "wrongly said that", "was not", "but took that back")
//   3  one or two such turns, and one or two other dishes, in any order
//   4  the dish is compared with another one, of which the opinion is
//   5  a chain of two or three comparisons, with turns on the way
// From 3 on no word and no pair of neighbours tells the label: turns and other opinions are drawn at random.
Sentence make_sentence(RandomStream& random, int difficulty, int label);

}  // namespace dynexec::sentences
