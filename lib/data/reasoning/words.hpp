// The small world's vocabulary, and seeded picks from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"

namespace dynexec::reasoning {

struct Thing {
  std::string_view one, many;
};

struct Person {
  std::string_view name, pronoun;  // pronoun: "He" or "She"
};

std::span<const Person> people();
std::span<const Thing> things();                  // countable goods
std::span<const Thing> holders();                 // bags, boxes
std::span<const std::string_view> plain_words();  // for letter tasks
std::span<const std::string_view> weekdays();     // from Monday
std::span<const std::string_view> months();       // from January

template <class T>
const T& pick(std::span<const T> items, RandomStream& random) {
  return items[static_cast<std::size_t>(random.below(items.size()))];
}

// `count` different items in random order; count <= items.size().
template <class T>
std::vector<T> pick_several(std::span<const T> items, std::size_t count, RandomStream& random) {
  std::vector<T> pool(items.begin(), items.end());
  random.shuffle(pool);
  pool.resize(count);
  return pool;
}

// Uniform in [low, high].
inline int between(RandomStream& random, int low, int high) {
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

// "7 apples", "1 apple"
std::string counted(int number, const Thing& thing);
// "a dog", "an ant"
std::string with_article(std::string_view noun);

}  // namespace dynexec::reasoning
