// Letters, coins and calendars: rules applied step by step.
#include "data/reasoning/problem.hpp"
#include "data/reasoning/words.hpp"

namespace dynexec::reasoning {
namespace {

// The last (or first) letters of difficulty + 1 words, in order.
Problem letters(RandomStream& random, int difficulty) {
  const bool last = random.below(2) == 0;
  const auto words = pick_several(plain_words(), static_cast<std::size_t>(difficulty) + 1, random);
  const std::string which = last ? "last" : "first";
  Problem problem;
  problem.question = random.below(2) == 0 ? "Write the " + which + " letter of each word in order:"
                                          : "List in order the " + which + " letters of these words:";
  for (const std::string_view word : words) {
    problem.question += " " + std::string(word);
    const char letter = last ? word.back() : word.front();
    problem.steps.push_back("The " + which + " letter of " + std::string(word) + " is " + letter + ".");
    if (!problem.answer.empty()) problem.answer += ' ';
    problem.answer += letter;
  }
  problem.question += ".";
  return problem;
}

// A coin passes through difficulty pairs of hands.
Problem coin(RandomStream& random, int difficulty) {
  bool heads = random.below(2) == 0;
  const auto cast = pick_several(people(), static_cast<std::size_t>(difficulty) + 1, random);
  static constexpr std::string_view kinds[] = {"coin", "medal", "token"};
  const std::string object(pick(std::span<const std::string_view>(kinds), random));
  Problem problem;
  problem.question = "A " + object + " shows " + (heads ? "heads" : "tails") + ".";
  for (const Person& person : cast) {
    const std::string name(person.name);
    const auto action = random.below(5);
    if (action <= 1) {
      problem.question += " " + name + " flips it.";
      heads = !heads;
      problem.steps.push_back(name + " flips it, so it shows " + (heads ? "heads" : "tails") + ".");
    } else if (action <= 3) {
      problem.question += " " + name + " does not flip it.";
      problem.steps.push_back(name + " does not flip it, so it shows " + (heads ? "heads" : "tails") + ".");
    } else {
      problem.question += " " + name + " flips it twice.";
      problem.steps.push_back(name + " flips it twice, so it shows " + (heads ? "heads" : "tails") + ".");
    }
  }
  problem.question += " Does the " + object + " show heads or tails now?";
  problem.answer = heads ? "heads" : "tails";
  return problem;
}

// Moves along the week or the year.
Problem calendar(RandomStream& random, int difficulty) {
  const bool week = random.below(2) == 0;
  const auto names = week ? weekdays() : months();
  const int cycle = static_cast<int>(names.size());
  const std::string unit = week ? "day" : "month";
  int at = between(random, 0, cycle - 1);
  static constexpr std::string_view events[] = {"race", "visit", "concert", "party", "trip", "exam", "fair", "match"};
  const auto plan =
      pick_several(std::span<const std::string_view>(events), static_cast<std::size_t>(difficulty) + 1, random);
  Problem problem;
  problem.question = "The " + std::string(plan[0]) + " is " + (week ? "on " : "in ") +
                     std::string(names[static_cast<std::size_t>(at)]) + ".";
  for (int step = 0; step < difficulty; ++step) {
    const int count = between(random, 1, cycle - 1);
    const bool after = random.below(2) == 0;
    const std::string span =
        std::to_string(count) + " " + unit + (count == 1 ? "" : "s") + (after ? " after " : " before ");
    const std::string from(plan[static_cast<std::size_t>(step)]), event(plan[static_cast<std::size_t>(step) + 1]);
    problem.question += " The " + event + " is " + span + "the " + from + ".";
    const std::string start(names[static_cast<std::size_t>(at)]);
    at = (at + (after ? count : cycle - count)) % cycle;
    problem.steps.push_back("The " + event + " is " + span + start + ": " +
                            std::string(names[static_cast<std::size_t>(at)]) + ".");
  }
  problem.question +=
      std::string(week ? " On which day" : " In which month") + " is the " + std::string(plan.back()) + "?";
  problem.answer = names[static_cast<std::size_t>(at)];
  return problem;
}

}  // namespace

Problem make_symbolic(RandomStream& random, int difficulty) {
  const auto kind = random.below(3);
  Problem problem = kind == 0   ? letters(random, difficulty)
                    : kind == 1 ? coin(random, difficulty)
                                : calendar(random, difficulty);
  problem.family = "symbolic";
  problem.difficulty = difficulty;
  return problem;
}

}  // namespace dynexec::reasoning
