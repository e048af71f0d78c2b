#include "data/sentences/sentence.hpp"

#include <fmt/format.h>

#include <cctype>
#include <span>
#include <string_view>

#include "data/sentences/words.hpp"

namespace dynexec::sentences {
namespace {

enum Label { kGood = 0, kBad = 1, kUnknown = 2 };

// Where a clause can be confirmed or turned round.
enum Slot { kFrame, kReport, kVerb, kAfter, kSlots };
enum class Turn { absent, confirms, turns };

class Writer {
 public:
  explicit Writer(RandomStream& random) : random_(random), dish_(pick(dishes())) {}

  std::string write(int difficulty, int label) {
    std::string text;
    if (difficulty <= 3) {
      text = clause(label, difficulty - 1);
    } else {
      const std::string main = clause(label, difficulty == 4 ? 1 : between(2, 3));
      text = difficulty == 4 ? beside_one(main) : between_two(main);
    }
    if (const std::string opening = pick(openings()); !opening.empty()) text = opening + " " + text;
    text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    return text + ".";
  }

 private:
  int between(int low, int high) {
    return low + static_cast<int>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  std::string pick(std::span<const std::string_view> phrases) {
    return std::string(phrases[static_cast<std::size_t>(random_.below(phrases.size()))]);
  }

  // What is said about the dish in a clause with `count` confirming or turning phrases.
  std::string clause(int label, int count) {
    Turn turns[kSlots] = {};
    std::vector<Slot> free{kFrame, kReport, kAfter};
    if (label != kUnknown) free.push_back(kVerb);
    random_.shuffle(free);
    bool turned = false;
    for (int i = 0; i < count; ++i) {
      // What nobody had cannot be turned round, only confirmed.
      const bool turning = label != kUnknown && between(0, 1) == 1;
      turns[free[static_cast<std::size_t>(i)]] = turning ? Turn::turns : Turn::confirms;
      turned = turned != turning;
    }
    if (label == kUnknown) return wrapped(fmt::format(fmt::runtime(pick(absences())), dish_), turns);
    const std::string verb = pick(turns[kVerb] == Turn::turns ? negated_verbs() : plain_verbs());
    const std::string opinion = pick((label == kGood) != turned ? praise() : blame());
    return wrapped(fmt::format("the {} {} {}", dish_, verb, opinion), turns);
  }

  std::string wrapped(const std::string& core, const Turn (&turns)[kSlots]) {
    std::string text;
    if (turns[kFrame] != Turn::absent)
      text += pick(turns[kFrame] == Turn::turns ? wrong_frames() : right_frames()) + " ";
    // Taking back needs someone who said it.
    if (turns[kReport] != Turn::absent || turns[kAfter] != Turn::absent || between(0, 2) == 0) {
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

  // A clause that counts for nothing.
  std::string aside() {
    const int label = between(0, 2);
    return clause(label, between(0, 1));
  }
  std::string conceded() {
    const std::string marker = pick(concessions());
    return marker + " " + aside();
  }

  std::string beside_one(const std::string& main) {
    switch (between(0, 2)) {
      case 0:
        return conceded() + ", " + main;
      case 1:
        return main + ", " + conceded();
      default:
        return outweighed(aside(), main);
    }
  }

  std::string between_two(const std::string& main) {
    const std::string first = between(0, 1) == 0 ? conceded() + ", " + main : outweighed(aside(), main);
    if (between(0, 1) == 0) return first + ", " + conceded();
    const std::string second = conceded();
    return second + ", " + outweighed(aside(), main);
  }

  std::string outweighed(const std::string& before, const std::string& main) {
    return before + ", " + pick(contrasts()) + " " + main;
  }

  RandomStream& random_;
  std::string dish_;
};

}  // namespace

const std::vector<std::string>& class_names() {
  static const std::vector<std::string> names{"good", "bad", "unknown"};
  return names;
}

Sentence make_sentence(RandomStream& random, int difficulty, int label) {
  return {Writer(random).write(difficulty, label), label, difficulty};
}

}  // namespace dynexec::sentences
