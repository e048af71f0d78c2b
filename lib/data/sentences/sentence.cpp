#include "data/sentences/sentence.hpp"

#include <fmt/format.h>

#include <cctype>
#include <span>
#include <string_view>

#include "data/sentences/words.hpp"

namespace dynexec::sentences {
namespace {

enum Label { kGood = 0, kBad = 1, kUnknown = 2 };

// Where a clause can be confirmed or turned.
enum Slot { kFrame, kReport, kVerb, kAfter, kSlots };
enum class Turn { absent, confirms, turns };

std::string filled(std::string_view pattern, std::string_view word) {
  std::string text(pattern);
  text.replace(text.find("{}"), 2, word);
  return text;
}

class Writer {
 public:
  Writer(RandomStream& random, int difficulty) : random_(random), difficulty_(difficulty) {
    for (const std::string_view dish : dishes()) dishes_.push_back(dish);
    random_.shuffle(dishes_);
  }

  std::string write(int label) {
    const std::string_view asked = next_dish();
    if (difficulty_ <= 3) {
      add_opinion(asked, label, difficulty_ == 1 ? 0 : difficulty_ == 2 ? 1 : between(1, 2));
      for (int others = difficulty_ == 3 ? between(1, 2) : 0; others > 0; --others) add_other();
    } else {
      std::string_view dish = asked;
      for (int hops = difficulty_ == 4 ? 1 : between(2, 3); hops > 0; --hops) {
        const std::string_view next = next_dish();
        label = add_comparison(dish, next, label, difficulty_ == 5 && between(0, 2) == 0 ? 1 : 0);
        dish = next;
      }
      add_opinion(dish, label, between(0, difficulty_ == 4 ? 1 : 2));
      add_other();
    }
    if (difficulty_ > 1) random_.shuffle(clauses_);
    return joined(filled(pick(questions()), asked));
  }

 private:
  bool flip() { return random_.below(2) == 1; }
  int between(int low, int high) {
    return low + static_cast<int>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  std::string pick(std::span<const std::string_view> phrases) {
    return std::string(phrases[static_cast<std::size_t>(random_.below(phrases.size()))]);
  }
  std::string_view next_dish() {
    const std::string_view dish = dishes_.back();
    dishes_.pop_back();
    return dish;
  }

  // Fills `count` slots at random; returns whether the clause is turned round by them.
  bool draw_turns(Turn (&turns)[kSlots], int count, bool may_negate, bool may_turn) {
    std::vector<Slot> free{kFrame, kReport, kAfter};
    if (may_negate) free.push_back(kVerb);
    random_.shuffle(free);
    bool turned = false;
    for (int i = 0; i < count; ++i) {
      Turn& turn = turns[free[static_cast<std::size_t>(i)]];
      turn = may_turn && flip() ? Turn::turns : Turn::confirms;
      if (turn == Turn::turns) turned = !turned;
    }
    return turned;
  }

  void add_opinion(std::string_view dish, int label, int count) {
    Turn turns[kSlots] = {};
    if (label == kUnknown) {
      // Nobody's opinion cannot be turned round, only confirmed.
      draw_turns(turns, count, false, false);
      clauses_.push_back(wrapped(filled(pick(absences()), dish), turns));
      return;
    }
    const bool turned = draw_turns(turns, count, true, true);
    const bool said_good = (label == kGood) != turned;
    const std::string verb = pick(turns[kVerb] == Turn::turns ? negated_verbs() : plain_verbs());
    const std::string opinion = pick(said_good ? praise() : blame());
    clauses_.push_back(wrapped(fmt::format("the {} {} {}", dish, verb, opinion), turns));
  }

  // Compares `dish`, whose verdict is `label`, with another; returns the verdict that the other must have.
  int add_comparison(std::string_view dish, std::string_view other, int label, int count) {
    Turn turns[kSlots] = {};
    const bool turned = draw_turns(turns, count, false, true);
    const bool unlike = flip();
    const std::string relation = pick(unlike ? contrasts() : likenesses());
    clauses_.push_back(wrapped(fmt::format("the {} {} the {}", dish, relation, other), turns));
    return label == kUnknown || turned == unlike ? label : kGood + kBad - label;
  }

  std::string wrapped(const std::string& core, const Turn (&turns)[kSlots]) {
    std::string text;
    if (turns[kFrame] != Turn::absent)
      text += pick(turns[kFrame] == Turn::turns ? wrong_frames() : right_frames()) + " ";
    // Taking back needs someone who said it.
    const bool said = turns[kReport] != Turn::absent || turns[kAfter] != Turn::absent || random_.below(3) == 0;
    if (said) {
      text += pick(guests()) + " ";
      text += pick(turns[kReport] == Turn::absent  ? plain_reports()
                   : turns[kReport] == Turn::turns ? wrong_reports()
                                                   : right_reports()) +
              " ";
    }
    text += core;
    if (turns[kAfter] != Turn::absent) text += " " + pick(turns[kAfter] == Turn::turns ? withdrawn() : kept());
    return text;
  }

  // An opinion of a dish that was not asked for.
  void add_other() {
    const int label = between(0, 2);
    add_opinion(next_dish(), label, between(0, 1));
  }

  std::string joined(std::string text) {
    for (std::string& clause : clauses_) {
      if (const std::string opening = pick(openings()); !opening.empty()) clause = opening + " " + clause;
      clause.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(clause.front())));
      text += " " + clause + ".";
    }
    return text;
  }

  RandomStream& random_;
  int difficulty_;
  std::vector<std::string_view> dishes_;
  std::vector<std::string> clauses_;
};

}  // namespace

const std::vector<std::string>& class_names() {
  static const std::vector<std::string> names{"good", "bad", "unknown"};
  return names;
}

Sentence make_sentence(RandomStream& random, int difficulty, int label) {
  return {Writer(random, difficulty).write(label), label, difficulty};
}

}  // namespace dynexec::sentences
