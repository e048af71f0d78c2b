// Word problems over whole numbers: running totals, shopping bills and comparison chains.
#include "base/error.hpp"
#include "data/reasoning/problem.hpp"
#include "data/reasoning/words.hpp"

namespace dynexec::reasoning {
namespace {

constexpr int kLimit = 99;  // every intermediate value stays within [0, kLimit]

std::string number(int value) {
  return std::to_string(value);
}

std::string equation(int a, char op, int b, int result) {
  return number(a) + " " + op + " " + number(b) + " = " + number(result);
}

// A person's stock goes up and down; one event a step.
Problem running_total(RandomStream& random, int difficulty) {
  const auto cast = pick_several(people(), 2, random);
  const Person& hero = cast[0];
  const Person& friend_ = cast[1];
  const Thing& thing = pick(things(), random);
  const std::string name(hero.name), pronoun(hero.pronoun), other(friend_.name), many(thing.many);
  int total = between(random, 3, 30);
  Problem problem;
  problem.question = name + " has " + counted(total, thing) + ".";
  const bool distract = random.below(4) == 0;
  if (distract) {
    problem.question += " " + other + " has " + counted(between(random, 2, 30), pick(things(), random)) + ".";
  }
  for (int step = 0; step < difficulty; ++step) {
    const std::string who = random.below(3) == 0 ? name : pronoun;
    for (;;) {
      const auto kind = random.below(7);
      if (kind == 0 || kind == 1) {
        const int gain = between(random, 2, 20);
        if (total + gain > kLimit) continue;
        static constexpr std::string_view verbs[] = {"buys", "finds", "wins", "picks"};
        const std::string verb(pick(std::span<const std::string_view>(verbs), random));
        problem.question += " " + who + " " + verb + " " + number(gain) + " more " + many + ".";
        problem.steps.push_back(name + " " + verb + " " + number(gain) + ": " +
                                equation(total, '+', gain, total + gain) + ".");
        total += gain;
      } else if (kind == 2 || kind == 3) {
        if (total < 4) continue;
        const int loss = between(random, 2, std::min(20, total - 1));
        static constexpr std::string_view verbs[] = {"loses", "sells", "breaks"};
        const bool gift = random.below(2) == 0;
        const std::string verb = gift ? "gives" : std::string(pick(std::span<const std::string_view>(verbs), random));
        problem.question += " " + who + " " + verb + " " + counted(loss, thing) + (gift ? " to " + other : "") + ".";
        problem.steps.push_back(name + " " + verb + " " + number(loss) + ": " +
                                equation(total, '-', loss, total - loss) + ".");
        total -= loss;
      } else if (kind == 4) {
        const int holders_count = between(random, 2, 5), each = between(random, 2, 9);
        if (total + holders_count * each > kLimit) continue;
        const Thing& holder = pick(holders(), random);
        problem.question +=
            " " + who + " gets " + counted(holders_count, holder) + " with " + counted(each, thing) + " each.";
        problem.steps.push_back(name + " gets " + equation(holders_count, '*', each, holders_count * each) + ": " +
                                equation(total, '+', holders_count * each, total + holders_count * each) + ".");
        total += holders_count * each;
      } else if (kind == 5) {
        if (total < 2 || total * 2 > kLimit) continue;
        problem.question += " Then " + other + " doubles the number of " + many + " that " + name + " has.";
        problem.steps.push_back("It doubles: " + equation(total, '*', 2, total * 2) + ".");
        total *= 2;
      } else {
        if (total < 4 || total % 2 != 0) continue;
        problem.question += " " + who + " gives half of the " + many + " to " + other + ".";
        problem.steps.push_back("Half is left: " + equation(total, '/', 2, total / 2) + ".");
        total /= 2;
      }
      break;
    }
  }
  problem.question += random.below(2) == 0 ? " How many " + many + " does " + name + " have now?"
                                           : " How many " + many + " are left with " + name + "?";
  problem.answer = number(total);
  return problem;
}

// Prices times amounts; a product a step, and from the second on a running sum.
Problem bill(RandomStream& random, int difficulty) {
  const Person& hero = pick(people(), random);
  Problem problem;
  std::vector<Thing> goods;
  std::vector<int> prices, amounts;
  int total = 0;
  for (;;) {
    goods = pick_several(things(), static_cast<std::size_t>(difficulty), random);
    prices.clear(), amounts.clear(), total = 0;
    for (int i = 0; i < difficulty; ++i) {
      prices.push_back(between(random, 1, difficulty > 3 ? 5 : 9));
      amounts.push_back(between(random, 2, difficulty > 3 ? 5 : 9));
      total += prices.back() * amounts.back();
    }
    if (total <= kLimit) break;
  }
  for (int i = 0; i < difficulty; ++i) {
    const auto at = static_cast<std::size_t>(i);
    problem.question += std::string(i == 0 ? "One " : " One ") + std::string(goods[at].one) + " costs " +
                        number(prices[at]) + (prices[at] == 1 ? " dollar." : " dollars.");
  }
  problem.question += " " + std::string(hero.name) + " buys ";
  int sum = 0;
  for (int i = 0; i < difficulty; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i > 0) problem.question += i + 1 == difficulty ? " and " : ", ";
    problem.question += counted(amounts[at], goods[at]);
    const int cost = prices[at] * amounts[at];
    std::string step = "The " + std::string(goods[at].many) + " cost " + equation(amounts[at], '*', prices[at], cost);
    if (i > 0) step += ": " + equation(sum, '+', cost, sum + cost);
    problem.steps.push_back(step + ".");
    sum += cost;
  }
  problem.question += ". How many dollars does " + std::string(hero.name) + " pay?";
  problem.answer = number(total);
  return problem;
}

// Each person's stock is told relative to the one before; one link a step.
Problem comparison(RandomStream& random, int difficulty) {
  const auto cast = pick_several(people(), static_cast<std::size_t>(difficulty) + 1, random);
  const Thing& thing = pick(things(), random);
  const std::string many(thing.many);
  int value = between(random, 3, 25);
  Problem problem;
  problem.question = std::string(cast[0].name) + " has " + counted(value, thing) + ".";
  for (int step = 0; step < difficulty; ++step) {
    const std::string from(cast[static_cast<std::size_t>(step)].name),
        name(cast[static_cast<std::size_t>(step) + 1].name);
    for (;;) {
      const auto kind = random.below(5);
      if (kind <= 1) {
        const int more = between(random, 2, 15);
        if (value + more > kLimit) continue;
        problem.question += " " + name + " has " + number(more) + " more " + many + " than " + from + ".";
        problem.steps.push_back(name + " has " + equation(value, '+', more, value + more) + ".");
        value += more;
      } else if (kind <= 3) {
        if (value < 4) continue;
        const int fewer = between(random, 2, std::min(15, value - 1));
        problem.question += " " + name + " has " + number(fewer) + " fewer " + many + " than " + from + ".";
        problem.steps.push_back(name + " has " + equation(value, '-', fewer, value - fewer) + ".");
        value -= fewer;
      } else {
        const int times = between(random, 2, 3);
        if (value * times > kLimit) continue;
        problem.question +=
            " " + name + " has " + (times == 2 ? "twice" : "three times") + " as many " + many + " as " + from + ".";
        problem.steps.push_back(name + " has " + equation(value, '*', times, value * times) + ".");
        value *= times;
      }
      break;
    }
  }
  problem.question += " How many " + many + " does " + std::string(cast.back().name) + " have?";
  problem.answer = number(value);
  return problem;
}

}  // namespace

Problem make_arithmetic(RandomStream& random, int difficulty) {
  const auto kind = random.below(4);
  Problem problem = kind <= 1   ? running_total(random, difficulty)
                    : kind == 2 ? bill(random, difficulty)
                                : comparison(random, difficulty);
  problem.family = "arithmetic";
  problem.difficulty = difficulty;
  return problem;
}

}  // namespace dynexec::reasoning
