// Opinions of dishes, to be sorted into three classes.
#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"

namespace dynexec::sentences {

inline constexpr int kMinDifficulty = 1;
inline constexpr int kMaxDifficulty = 5;

// "good", "bad", "unknown": what a text says about its dish.
const std::vector<std::string>& class_names();

struct Sentence {
  std::string text;
  int label = 0;  // into class_names()
  int difficulty = 1;
};

// Draws a text of this difficulty and label:
//   1  an opinion in one word, or a dish that nobody had
//   2  one phrase that confirms it or turns it round: "rightly said that", "wrongly said that", "was not", "it is false
//      that", "and then took that back"
//   3  two such phrases, within each other or at different places
//   4  three, and beside it a clause that counts for nothing: what is said behind "although", or before "but"
//   5  four to six, between or behind two clauses that count for nothing; these have such phrases of their own
// From 2 on no word tells the label; from 4 on the place of a word in the text decides whether it counts.
Sentence make_sentence(RandomStream& random, int difficulty, int label);

}  // namespace dynexec::sentences
