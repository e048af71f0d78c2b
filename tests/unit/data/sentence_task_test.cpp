#include "data/sentence_task.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "base/error.hpp"
#include "data/tokenizer.hpp"

using namespace dynexec;

namespace {

const std::set<std::string> kGoodWords{"wonderful", "delicious", "great",  "superb",   "lovely", "excellent",
                                       "perfect",   "tasty",     "divine", "splendid", "good",   "fresh"};
const std::set<std::string> kBadWords{"awful", "terrible",  "bland",    "bad",   "horrible", "disgusting",
                                      "stale", "revolting", "dreadful", "nasty", "poor",     "burnt"};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

int count_of(const std::string& text, std::initializer_list<const char*> phrases) {
  int count = 0;
  for (const char* phrase : phrases)
    for (std::size_t at = text.find(phrase); at != std::string::npos; at = text.find(phrase, at + 1)) ++count;
  return count;
}

int verdict_of(const std::string& clause) {
  if (count_of(clause, {"nobody tried the ", "there was no ", " never came"}) > 0) return 2;
  const bool turned = count_of(clause, {"it is false that", "everybody denies that", "wrongly said that",
                                        "was wrong to say that", "and then took that back", "and no longer thinks so",
                                        "was not ", "was hardly ", "did not taste "}) %
                          2 ==
                      1;
  std::istringstream words(clause);
  for (std::string word; words >> word;) {
    if (kGoodWords.contains(word)) return turned ? 1 : 0;
    if (kBadWords.contains(word)) return turned ? 0 : 1;
  }
  FAIL("no verdict in ", clause);
  return -1;
}

// Derives the label from the text alone.
int solve(const std::string& text) {
  const std::string whole = lower(text.substr(0, text.size() - 1));
  std::string main;
  for (std::size_t begin = 0; begin != std::string::npos;) {
    const std::size_t comma = whole.find(", ", begin);
    const std::string clause = whole.substr(begin, comma - begin);
    const bool conceded = count_of(clause, {"although ", "even though "}) > 0;
    const bool outweighs = clause.starts_with("but ") || clause.starts_with("yet ");
    if (outweighs || (!conceded && main.empty())) main = clause;
    begin = comma == std::string::npos ? comma : comma + 2;
  }
  return verdict_of(main);
}

SentenceOptions options_of(Split split, std::int64_t samples, std::vector<int> difficulties = {1, 2, 3, 4, 5}) {
  SentenceOptions options;
  options.split = split;
  options.samples = samples;
  options.difficulties = std::move(difficulties);
  return options;
}

const LabelledText& text_of(const Sample& sample) {
  return std::any_cast<const LabelledText&>(sample.input);
}

}  // namespace

TEST_CASE("the labels follow from the texts") {
  for (int difficulty = 1; difficulty <= 5; ++difficulty)
    for (int label = 0; label < 3; ++label)
      for (std::uint64_t i = 0; i < 150; ++i) {
        RandomStream random(5, i, static_cast<std::uint32_t>(difficulty), static_cast<std::uint32_t>(label));
        const auto sentence = sentences::make_sentence(random, difficulty, label);
        CAPTURE(sentence.text);
        REQUIRE(solve(sentence.text) == label);
      }
}

TEST_CASE("one word decides the easiest texts and no others") {
  // The guess of a reader who counts words of praise and blame.
  std::map<int, double> right, count;
  for (const Sample& sample : sentence_samples(options_of(Split::train, 3000))) {
    const LabelledText& text = text_of(sample);
    if (text.label == 2) continue;
    int balance = 0;
    std::istringstream words(lower(text.text));
    for (std::string word; words >> word;) {
      if (word.ends_with('.') || word.ends_with(',')) word.pop_back();
      balance += kGoodWords.contains(word) ? 1 : kBadWords.contains(word) ? -1 : 0;
    }
    const int difficulty = sample.group.back() - '0';
    right[difficulty] += balance == 0 ? 0.5 : (balance > 0) == (text.label == 0) ? 1 : 0;
    count[difficulty] += 1;
  }
  CHECK(right[1] == count[1]);
  for (const int difficulty : {2, 3, 4, 5}) CHECK(right[difficulty] / count[difficulty] < 0.65);
}

TEST_CASE("groups and classes have equal shares, and no text is in two splits") {
  std::set<std::string> texts;
  for (const Split split : {Split::train, Split::calibration, Split::test}) {
    std::map<std::string, std::map<int, int>> shares;
    for (const Sample& sample : sentence_samples(options_of(split, 450))) {
      ++shares[sample.group][text_of(sample).label];
      CHECK(texts.insert(text_of(sample).text).second);
      CHECK(sample.id.starts_with(split_name(split)));
    }
    CHECK(shares.size() == 5);
    for (const auto& [group, labels] : shares) {
      const std::string& difficulty = group;
      CAPTURE(difficulty);
      CHECK(labels == std::map<int, int>{{0, 30}, {1, 30}, {2, 30}});
    }
  }
  // Training texts of any seed are in the training split.
  SentenceOptions train = options_of(Split::train, 1);
  for (std::uint64_t i = 0; i < 300; ++i) {
    train.seed = i;
    CHECK(split_of_prompt(draw_sentence(train, i, Purpose::training).text) == Split::train);
  }
}

TEST_CASE("texts can be drawn alone and do not change") {
  const SentenceOptions options = options_of(Split::test, 40);
  const auto first = sentence_samples(options), second = sentence_samples(options);
  CHECK(text_of(first[17]).text == text_of(second[17]).text);
  // Part of the task's definition: results of different versions must stay comparable.
  CHECK(text_of(first[0]).text == "At noon the stew was really excellent.");
  CHECK(text_of(first[5]).text == "Yesterday the chowder seemed terrible.");
}

TEST_CASE("the tokenizer knows every word") {
  const auto tokenizer = Tokenizer::parse(sentence_tokenizer(), "tokenizer.json");
  std::size_t longest = 0;
  for (const Sample& sample : sentence_samples(options_of(Split::train, 2000))) {
    const auto ids = tokenizer->encode(text_of(sample).text, true);
    CHECK(ids.front() == tokenizer->token_id("[CLS]"));
    CHECK(ids.back() == tokenizer->token_id("[SEP]"));
    CHECK(std::count(ids.begin(), ids.end(), tokenizer->token_id("[UNK]")) == 0);
    longest = std::max(longest, ids.size());
  }
  CHECK(longest <= 128);
  CHECK(tokenizer->encode("zebra", false) == std::vector<std::int32_t>{tokenizer->token_id("[UNK]")});
}

TEST_CASE("a sentence task scores labels") {
  const TextClassTask task(sentence_samples(options_of(Split::test, 3)));
  Outcome outcome;
  outcome.output = ClassOutput{.label = text_of(task.sample(1)).label};
  CHECK(task.score(task.sample(1), outcome).front().value == 1);
  outcome.output = ClassOutput{.label = 2 - text_of(task.sample(0)).label};
  CHECK(task.score(task.sample(0), outcome).front().value == 0);
  CHECK(task.quality_metric() == "accuracy");
}

TEST_CASE("bad options are refused") {
  CHECK_THROWS_AS(sentence_samples(options_of(Split::test, 0)), Error);
  CHECK_THROWS_AS(sentence_samples(options_of(Split::test, 5, {})), Error);
  CHECK_THROWS_AS(sentence_samples(options_of(Split::test, 5, {6})), Error);
}
