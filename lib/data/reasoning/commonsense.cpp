// A small closed world: what things are and have, where they lie, and how people compare.
#include <array>
#include <string_view>

#include "data/reasoning/problem.hpp"
#include "data/reasoning/words.hpp"

namespace dynexec::reasoning {
namespace {

struct Kind {
  std::string_view name;
  std::string_view parent;  // class in the closed world
  bool wings, swims, alive, wheels;
};

constexpr std::array<Kind, 24> kWorld{
    {{"dog", "mammal", false, true, true, false},    {"cat", "mammal", false, false, true, false},
     {"horse", "mammal", false, true, true, false},  {"bat", "mammal", true, false, true, false},
     {"whale", "mammal", false, true, true, false},  {"eagle", "bird", true, false, true, false},
     {"duck", "bird", true, true, true, false},      {"penguin", "bird", true, true, true, false},
     {"robin", "bird", true, false, true, false},    {"shark", "fish", false, true, true, false},
     {"salmon", "fish", false, true, true, false},   {"bee", "insect", true, false, true, false},
     {"ant", "insect", false, false, true, false},   {"moth", "insect", true, false, true, false},
     {"oak", "plant", false, false, true, false},    {"rose", "plant", false, false, true, false},
     {"fern", "plant", false, false, true, false},   {"car", "vehicle", false, false, false, true},
     {"bus", "vehicle", false, false, false, true},  {"bicycle", "vehicle", false, false, false, true},
     {"plane", "vehicle", true, false, false, true}, {"hammer", "tool", false, false, false, false},
     {"saw", "tool", false, false, false, false},    {"spoon", "tool", false, false, false, false}}};

struct Property {
  std::string_view question, yes, no;
  bool Kind::*holds;
};
constexpr std::array<Property, 4> kProperties{{{"have wings", "has wings", "has no wings", &Kind::wings},
                                               {"can swim", "can swim", "cannot swim", &Kind::swims},
                                               {"are alive", "is alive", "is not alive", &Kind::alive},
                                               {"have wheels", "has wheels", "has no wheels", &Kind::wheels}}};

std::string capital(std::string text) {
  text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// How many of difficulty + 1 things have a property or belong to a class.
Problem census(RandomStream& random, int difficulty) {
  const auto kinds = pick_several(std::span<const Kind>(kWorld), static_cast<std::size_t>(difficulty) + 1, random);
  const bool by_class = random.below(3) == 0;
  const std::string_view wanted = kinds[static_cast<std::size_t>(random.below(kinds.size()))].parent;
  const Property& property = pick(std::span<const Property>(kProperties), random);
  Problem problem;
  problem.question = "How many of these ";
  problem.question += by_class ? "are of the kind " + std::string(wanted) + ":" : std::string(property.question) + ":";
  int count = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const Kind& kind = kinds[i];
    problem.question += (i == 0 ? " " : i + 1 == kinds.size() ? " and " : ", ") + with_article(kind.name);
    const bool holds = by_class ? kind.parent == wanted : kind.*property.holds;
    count += holds ? 1 : 0;
    const std::string fact =
        by_class ? "is " + with_article(kind.parent) : std::string(holds ? property.yes : property.no);
    problem.steps.push_back(capital(with_article(kind.name)) + " " + fact + ": " + std::to_string(count) + ".");
  }
  problem.question += "?";
  problem.answer = std::to_string(count);
  return problem;
}

// An object inside difficulty nested places; the facts are shuffled.
Problem nesting(RandomStream& random, int difficulty) {
  static constexpr std::string_view objects[] = {"key", "ring", "letter", "watch", "map", "ticket"};
  static constexpr std::string_view inner[] = {"box", "bag",   "drawer", "chest", "basket",
                                               "jar", "purse", "trunk",  "crate"};
  static constexpr std::string_view rooms[] = {"kitchen", "garden", "garage", "office",
                                               "attic",   "cellar", "school", "shop"};
  std::vector<std::string> chain{std::string(pick(std::span<const std::string_view>(objects), random))};
  for (const auto place :
       pick_several(std::span<const std::string_view>(inner), static_cast<std::size_t>(difficulty), random)) {
    chain.emplace_back(place);
  }
  const auto ends = pick_several(std::span<const std::string_view>(rooms), 2, random);
  chain.emplace_back(ends[0]);
  std::vector<std::string> facts;
  Problem problem;
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    facts.push_back("The " + chain[i] + " is in the " + chain[i + 1] + ".");
    problem.steps.push_back(facts.back());
  }
  std::string stray;
  do {
    stray = pick(std::span<const std::string_view>(objects), random);
  } while (stray == chain[0]);
  facts.push_back("The " + stray + " is in the " + std::string(ends[1]) + ".");
  random.shuffle(facts);
  for (const auto& fact : facts) problem.question += fact + " ";
  problem.question += "Where is the " + chain[0] + " in the end?";
  problem.answer = chain.back();
  return problem;
}

// difficulty + 1 people in a strict order, told pair by pair in random order and direction.
Problem ranking(RandomStream& random, int difficulty) {
  struct Scale {
    std::string_view more, less, most, least;
  };
  static constexpr Scale scales[] = {{"taller", "shorter", "tallest", "shortest"},
                                     {"older", "younger", "oldest", "youngest"},
                                     {"faster", "slower", "fastest", "slowest"}};
  const Scale& scale = pick(std::span<const Scale>(scales), random);
  const auto cast = pick_several(people(), static_cast<std::size_t>(difficulty) + 1, random);  // from most to least
  std::vector<std::string> facts;
  Problem problem;
  for (std::size_t i = 0; i + 1 < cast.size(); ++i) {
    const std::string high(cast[i].name), low(cast[i + 1].name);
    facts.push_back(random.below(2) == 0 ? high + " is " + std::string(scale.more) + " than " + low + "."
                                         : low + " is " + std::string(scale.less) + " than " + high + ".");
  }
  random.shuffle(facts);
  for (const auto& fact : facts) problem.question += fact + " ";
  const bool most = random.below(2) == 0;
  problem.question += "Who is the " + std::string(most ? scale.most : scale.least) + "?";
  // Walk from the first fact's nearer end towards the asked end: each step names one person further along.
  for (std::size_t i = 0; i + 1 < cast.size(); ++i) {
    const std::size_t at = most ? cast.size() - 2 - i : i;
    const std::string high(cast[at].name), low(cast[at + 1].name);
    problem.steps.push_back(most ? high + " is " + std::string(scale.more) + " than " + low + "."
                                 : low + " is " + std::string(scale.less) + " than " + high + ".");
  }
  problem.answer = most ? cast.front().name : cast.back().name;
  return problem;
}

}  // namespace

Problem make_commonsense(RandomStream& random, int difficulty) {
  const auto kind = random.below(3);
  Problem problem = kind == 0   ? census(random, difficulty)
                    : kind == 1 ? nesting(random, difficulty)
                                : ranking(random, difficulty);
  problem.family = "commonsense";
  problem.difficulty = difficulty;
  return problem;
}

}  // namespace dynexec::reasoning
