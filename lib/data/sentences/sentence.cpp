#include "data/sentences/sentence.hpp"

#include <fmt/format.h>

#include <cctype>
#include <span>
#include <string_view>

#include "data/sentences/words.hpp"

namespace dynexec::sentences {
namespace {

enum Label { kGood = 0, kBad = 1, kUnknown = 2 };

class Writer {
 public:
  explicit Writer(RandomStream& random) : random_(random), dish_(pick(dishes())) {}

  std::string write(int difficulty, int label) {
    std::string text;
    if (difficulty <= 3) {
      text = clause(label, difficulty - 1);
    } else if (difficulty == 4) {
      text = beside_one(clause(label, 3));
    } else {
      const int phrases = between(4, 6);
      text = between_two(clause(label, phrases));
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

  // What is said about the dish in a clause with `count` confirming or turning phrases: one at the verb, one at the
  // end, the others in front, within each other.
  std::string clause(int label, int count) {
    // What nobody had cannot be turned round, only confirmed.
    const bool fixed = label == kUnknown;
    bool turned = false;
    const auto turns = [&] {
      const bool turning = !fixed && between(0, 1) == 1;
      turned = turned != turning;
      return turning;
    };
    const bool at_verb = !fixed && count > 0 && between(0, 2) == 0;
    const bool at_end = count > (at_verb ? 1 : 0) && between(0, 2) == 0;
    const std::string verb = pick(at_verb && turns() ? negated_verbs() : plain_verbs());
    std::string text, end;
    if (at_end) end = " " + pick(turns() ? withdrawn() : kept());
    bool said = false;
    for (int front = count - (at_verb ? 1 : 0) - (at_end ? 1 : 0); front > 0; --front) {
      if (between(0, 2) == 0) {
        text += pick(turns() ? wrong_frames() : right_frames()) + " ";
      } else {
        text += pick(guests()) + " ";
        text += pick(turns() ? wrong_reports() : right_reports()) + " ";
        said = true;
      }
    }
    // Taking back needs someone who said it.
    if (!said && (at_end || between(0, 2) == 0)) {
      text += pick(guests()) + " ";
      text += pick(plain_reports()) + " ";
    }
    if (fixed) return text + fmt::format(fmt::runtime(pick(absences())), dish_) + end;
    const std::string opinion = pick((label == kGood) != turned ? praise() : blame());
    return text + fmt::format("the {} {} {}", dish_, verb, opinion) + end;
  }

  // A clause that counts for nothing.
  std::string aside() {
    const int label = between(0, 2);
    return clause(label, between(0, 2));
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
