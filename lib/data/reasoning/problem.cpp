#include "data/reasoning/problem.hpp"

#include "base/error.hpp"

namespace dynexec::reasoning {

std::string Problem::prompt() const {
  return question + "\nAnswer:";
}

std::string Problem::solution() const {
  std::string text;
  for (const auto& step : steps) text += " " + step;
  return text + "\n#### " + answer;
}

const std::vector<std::string>& family_names() {
  static const std::vector<std::string> names{"arithmetic", "symbolic", "commonsense", "program"};
  return names;
}

Problem make_problem(const std::string& family, RandomStream& random, int difficulty) {
  if (difficulty < kMinDifficulty || difficulty > kMaxDifficulty) {
    throw Error(ErrorKind::config, "difficulty " + std::to_string(difficulty) + " is outside 1..6", "reasoning task",
                "list difficulties between 1 and 6");
  }
  if (family == "arithmetic") return make_arithmetic(random, difficulty);
  if (family == "symbolic") return make_symbolic(random, difficulty);
  if (family == "commonsense") return make_commonsense(random, difficulty);
  if (family == "program") return make_program(random, difficulty);
  const std::string near = nearest_name(family, family_names());
  throw Error(
      ErrorKind::config, "unknown family '" + family + "'", "reasoning task",
      near.empty() ? "choose among arithmetic, symbolic, commonsense, program" : "did you mean '" + near + "'?");
}

}  // namespace dynexec::reasoning
