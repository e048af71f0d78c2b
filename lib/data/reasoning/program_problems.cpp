// Short programs; the interpreter's trace is the worked solution and its output the answer.
#include "base/error.hpp"
#include "data/reasoning/problem.hpp"
#include "data/reasoning/program.hpp"
#include "data/reasoning/words.hpp"

namespace dynexec::reasoning {
namespace {

constexpr std::string_view kNames[] = {"a", "b", "c", "n", "x", "y"};

// Writes statements until the program takes about `steps` traced steps beyond its constants.
class Writer {
 public:
  Writer(RandomStream& random, int steps) : random_(random), steps_(steps) {
    const auto names = pick_several(std::span<const std::string_view>(kNames), steps > 2 ? 3 : 2, random);
    names_.assign(names.begin(), names.end());
  }

  std::string write() {
    for (std::size_t i = 0; i < 2; ++i) source_ += names_[i] + " = " + std::to_string(between(random_, 1, 20)) + "\n";
    known_ = 2;
    while (steps_ > 0) {
      const auto kind = random_.below(6);
      if (kind == 0 && steps_ >= 2) {
        loop();
      } else if (kind == 1 && steps_ >= 2) {
        branch();
      } else {
        assign("", known_ < names_.size() && random_.below(2) == 0);
        --steps_;
      }
    }
    return source_ + "print(" + last_ + ")";
  }

 private:
  const std::string& any() { return names_[static_cast<std::size_t>(random_.below(known_))]; }
  const std::string& other_than(const std::string& name) {
    for (;;) {
      const std::string& other = any();
      if (other != name) return other;
    }
  }

  void assign(const std::string& indent, bool fresh) {
    const std::string left = any();
    std::string right;
    const auto kind = random_.below(8);
    const char* symbol = kind <= 3 ? " + " : kind <= 5 ? " - " : kind == 6 ? " * " : " // ";
    if (kind >= 6) {
      right = std::to_string(between(random_, 2, kind == 6 ? 4 : 2));
    } else if (random_.below(2) == 0) {
      right = kind <= 3 ? any() : other_than(left);
    } else {
      right = std::to_string(between(random_, 1, 20));
    }
    const std::string target = fresh ? names_[known_++] : any();
    source_ += indent + target + " = " + left + symbol + right + "\n";
    last_ = target;
  }

  void loop() {
    const int rounds = between(random_, 2, std::min(3, steps_));
    source_ += "for i in range(" + std::to_string(rounds) + "):\n";
    const std::string& target = any();
    source_ += "  " + target + " = " + target + (random_.below(3) == 0 ? " - " : " + ") +
               std::to_string(between(random_, 1, 9)) + "\n";
    last_ = target;
    steps_ -= rounds;
  }

  void branch() {
    const std::string left = any();
    const std::string right = random_.below(2) == 0 ? other_than(left) : std::to_string(between(random_, 1, 30));
    source_ += "if " + left + (random_.below(2) == 0 ? " > " : " < ") + right + ":\n";
    assign("  ", false);
    if (random_.below(2) == 0) {
      source_ += "else:\n";
      source_ += "  " + last_ + " = " + any() + " + " + std::to_string(between(random_, 1, 9)) + "\n";
    }
    steps_ -= 2;
  }

  RandomStream& random_;
  int steps_;
  std::vector<std::string> names_;
  std::size_t known_ = 0;
  std::string source_, last_;
};

// Every number in the steps has at most two digits and no sign, so the family is about following the program.
bool small_numbers(const Execution& execution) {
  for (const auto& step : execution.steps) {
    int digits = 0;
    for (std::size_t i = 0; i < step.size(); ++i) {
      digits = step[i] >= '0' && step[i] <= '9' ? digits + 1 : 0;
      const bool sign = step[i] == '-' && i + 1 < step.size() && step[i + 1] != ' ';
      if (digits > 2 || sign) return false;
    }
  }
  return true;
}

}  // namespace

Problem make_program(RandomStream& random, int difficulty) {
  for (;;) {
    const std::string source = Writer(random, difficulty).write();
    Execution execution = run_program(source);
    if (!small_numbers(execution)) continue;
    Problem problem;
    problem.family = "program";
    problem.difficulty = difficulty;
    problem.question = "What does this program print?\n" + source;
    problem.steps = std::move(execution.steps);
    problem.answer = execution.output;
    return problem;
  }
}

}  // namespace dynexec::reasoning
