// One procedural problem: the question, a worked solution and its final answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace dynexec::reasoning {

inline constexpr int kMinDifficulty = 1;
inline constexpr int kMaxDifficulty = 6;

struct Problem {
  std::string family;    // "arithmetic", "symbolic", "commonsense", "program"
  int difficulty = 1;    // number of reasoning steps, 1..6
  std::string question;  // without the "Answer:" cue
  std::vector<std::string> steps;
  std::string answer;  // one word, number or list, as it stands after "####"

  // "QUESTION\nAnswer:"
  std::string prompt() const;
  // " STEP STEP\n#### ANSWER"
  std::string solution() const;
};

// Each draws one problem of `difficulty` steps from `random`. The answer is derived from the problem's facts while
// the steps are written; tests derive it again from the question's text.
Problem make_arithmetic(RandomStream& random, int difficulty);
Problem make_symbolic(RandomStream& random, int difficulty);
Problem make_commonsense(RandomStream& random, int difficulty);
Problem make_program(RandomStream& random, int difficulty);

// Names of the families, in the order in which options list them.
const std::vector<std::string>& family_names();
// Throws Error(config) with "did you mean" for an unknown family.
Problem make_problem(const std::string& family, RandomStream& random, int difficulty);

}  // namespace dynexec::reasoning
