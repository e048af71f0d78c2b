#include "data/reasoning/words.hpp"

#include <array>

namespace dynexec::reasoning {
namespace {

constexpr std::array<Person, 24> kPeople{
    {{"Tom", "He"},   {"Ben", "He"},   {"Sam", "He"},   {"Max", "He"},   {"Leo", "He"},   {"Noah", "He"},
     {"Omar", "He"},  {"Ivan", "He"},  {"Hugo", "He"},  {"Carl", "He"},  {"Ann", "She"},  {"Mia", "She"},
     {"Lena", "She"}, {"Eva", "She"},  {"Ruth", "She"}, {"Nora", "She"}, {"Sara", "She"}, {"Kate", "She"},
     {"Rosa", "She"}, {"Jane", "She"}, {"Adam", "He"},  {"Paul", "He"},  {"Emma", "She"}, {"Alice", "She"}}};

constexpr std::array<Thing, 22> kThings{
    {{"apple", "apples"}, {"book", "books"},    {"coin", "coins"},   {"marble", "marbles"}, {"pencil", "pencils"},
     {"card", "cards"},   {"shell", "shells"},  {"stamp", "stamps"}, {"button", "buttons"}, {"egg", "eggs"},
     {"nut", "nuts"},     {"rose", "roses"},    {"ball", "balls"},   {"cup", "cups"},       {"candle", "candles"},
     {"plum", "plums"},   {"stone", "stones"},  {"cake", "cakes"},   {"pear", "pears"},     {"toy", "toys"},
     {"lamp", "lamps"},   {"ticket", "tickets"}}};

constexpr std::array<Thing, 4> kHolders{{{"box", "boxes"}, {"bag", "bags"}, {"basket", "baskets"}, {"jar", "jars"}}};

constexpr std::array<std::string_view, 44> kPlainWords{
    "apple",  "river",  "stone",  "candle", "garden", "house",  "table",  "paper",  "light",  "green",  "cloud",
    "bread",  "water",  "music",  "window", "silver", "winter", "summer", "tiger",  "flower", "chair",  "ocean",
    "basket", "marble", "pencil", "yellow", "horse",  "knife",  "lemon",  "magic",  "north",  "radio",  "salad",
    "train",  "queen",  "sugar",  "forest", "island", "orange", "violin", "harbor", "pepper", "rabbit", "copper"};

constexpr std::array<std::string_view, 7> kWeekdays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};

constexpr std::array<std::string_view, 12> kMonths{"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};

}  // namespace

std::span<const Person> people() {
  return kPeople;
}
std::span<const Thing> things() {
  return kThings;
}
std::span<const Thing> holders() {
  return kHolders;
}
std::span<const std::string_view> plain_words() {
  return kPlainWords;
}
std::span<const std::string_view> weekdays() {
  return kWeekdays;
}
std::span<const std::string_view> months() {
  return kMonths;
}

std::string counted(int number, const Thing& thing) {
  return std::to_string(number) + " " + std::string(number == 1 ? thing.one : thing.many);
}

std::string with_article(std::string_view noun) {
  const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

}  // namespace dynexec::reasoning
