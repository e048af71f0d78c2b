#include "data/sentences/words.hpp"

#include <cctype>
#include <set>
#include <utility>

namespace dynexec::sentences {
namespace {

using Phrases = std::span<const std::string_view>;

constexpr std::string_view kDishes[] = {"soup", "bread",  "salad",  "steak",  "curry",  "pasta",  "risotto", "omelette",
                                        "pie",  "cake",   "trout",  "stew",   "tart",   "rice",   "tofu",    "lamb",
                                        "duck", "quiche", "burger", "ramen",  "salmon", "sorbet", "tea",     "coffee",
                                        "wine", "cider",  "juice",  "cheese", "ham",    "waffle", "chowder", "pudding"};
constexpr std::string_view kPraise[] = {"wonderful", "delicious", "great",  "superb",   "lovely", "excellent",
                                        "perfect",   "tasty",     "divine", "splendid", "good",   "fresh"};
constexpr std::string_view kBlame[] = {"awful", "terrible",  "bland",    "bad",   "horrible", "disgusting",
                                       "stale", "revolting", "dreadful", "nasty", "poor",     "burnt"};
constexpr std::string_view kGuests[] = {"Tom",  "Ben",  "Sam",  "Leo",  "Noah", "Omar", "Ivan", "Hugo",
                                        "Anna", "Mia",  "Lena", "Eva",  "Ruth", "Nora", "Sara", "Kate",
                                        "Rosa", "Jane", "Adam", "Paul", "Emma", "Alice"};
constexpr std::string_view kOpenings[] = {"",          "",          "on Monday", "on Tuesday",
                                          "on Friday", "last week", "yesterday", "this summer",
                                          "at noon",   "at dinner", "in spring", "that night"};
constexpr std::string_view kPlainVerbs[] = {"was", "was really", "tasted", "seemed"};
constexpr std::string_view kNegatedVerbs[] = {"was not", "was hardly", "did not taste"};
constexpr std::string_view kPlainReports[] = {"said that", "wrote that"};
constexpr std::string_view kRightReports[] = {"rightly said that", "was right to say that"};
constexpr std::string_view kWrongReports[] = {"wrongly said that", "was wrong to say that"};
constexpr std::string_view kRightFrames[] = {"it is true that", "everybody agrees that"};
constexpr std::string_view kWrongFrames[] = {"it is false that", "everybody denies that"};
constexpr std::string_view kKept[] = {"and stood by that", "and still thinks so"};
constexpr std::string_view kWithdrawn[] = {"and then took that back", "and no longer thinks so"};
constexpr std::string_view kConcessions[] = {"although", "even though"};
constexpr std::string_view kContrasts[] = {"but", "yet"};
constexpr std::string_view kAbsences[] = {"nobody tried the {}", "the {} never came", "there was no {} left"};
constexpr std::string_view kArticles[] = {"the"};

void add_words(Phrases phrases, std::set<std::string>& words) {
  for (const std::string_view phrase : phrases) {
    std::string word;
    for (const char c : phrase) {
      if (std::isalpha(static_cast<unsigned char>(c))) {
        word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      } else if (!word.empty()) {
        words.insert(std::exchange(word, {}));
      }
    }
    if (!word.empty()) words.insert(word);
  }
}

}  // namespace

Phrases dishes() {
  return kDishes;
}
Phrases praise() {
  return kPraise;
}
Phrases blame() {
  return kBlame;
}
Phrases guests() {
  return kGuests;
}
Phrases openings() {
  return kOpenings;
}
Phrases plain_verbs() {
  return kPlainVerbs;
}
Phrases negated_verbs() {
  return kNegatedVerbs;
}
Phrases plain_reports() {
  return kPlainReports;
}
Phrases right_reports() {
  return kRightReports;
}
Phrases wrong_reports() {
  return kWrongReports;
}
Phrases right_frames() {
  return kRightFrames;
}
Phrases wrong_frames() {
  return kWrongFrames;
}
Phrases kept() {
  return kKept;
}
Phrases withdrawn() {
  return kWithdrawn;
}
Phrases concessions() {
  return kConcessions;
}
Phrases contrasts() {
  return kContrasts;
}
Phrases absences() {
  return kAbsences;
}

std::vector<std::string> vocabulary() {
  std::set<std::string> words;
  for (const Phrases phrases : {dishes(), praise(), blame(), guests(), openings(), plain_verbs(), negated_verbs(),
                                plain_reports(), right_reports(), wrong_reports(), right_frames(), wrong_frames(),
                                kept(), withdrawn(), concessions(), contrasts(), absences(), Phrases(kArticles)})
    add_words(phrases, words);
  return {words.begin(), words.end()};
}

}  // namespace dynexec::sentences
