#include "data/sentence_task.hpp"

#include <fmt/format.h>

#include <unordered_set>

#include "base/error.hpp"
#include "data/sentences/words.hpp"
#include "data/word_tokenizer.hpp"

namespace dynexec {
namespace {

constexpr int kMaxDraws = 20000;

sentences::Sentence draw_in_split(const SentenceOptions& options, RandomStream& random, int difficulty, int label) {
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    sentences::Sentence sentence = sentences::make_sentence(random, difficulty, label);
    if (split_of_prompt(sentence.text) == options.split) return sentence;
  }
  throw Error(ErrorKind::internal, "no text falls into the " + split_name(options.split) + " split", "sentence task",
              "report this as a bug");
}

int classes() {
  return static_cast<int>(sentences::class_names().size());
}

}  // namespace

void SentenceOptions::check() const {
  const auto fail = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::config, what, "sentence task", hint);
  };
  if (difficulties.empty()) fail("no difficulty is listed", "list at least one between 1 and 5");
  for (const int difficulty : difficulties)
    if (difficulty < sentences::kMinDifficulty || difficulty > sentences::kMaxDifficulty)
      fail(fmt::format("difficulty {} is outside 1..5", difficulty), "list difficulties between 1 and 5");
  if (samples < 1) fail("samples must be at least 1", "set samples to 1 or more");
}

sentences::Sentence draw_sentence(const SentenceOptions& options, std::uint64_t index, Purpose purpose) {
  RandomStream random(options.seed, index, 0, static_cast<std::uint32_t>(purpose));
  const int difficulty = options.difficulties[static_cast<std::size_t>(random.below(options.difficulties.size()))];
  const int label = static_cast<int>(random.below(static_cast<std::uint64_t>(classes())));
  return draw_in_split(options, random, difficulty, label);
}

std::vector<Sample> sentence_samples(const SentenceOptions& options) {
  options.check();
  std::vector<Sample> samples;
  std::unordered_set<std::string> seen;
  const std::size_t levels = options.difficulties.size();
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.samples); ++i) {
    RandomStream random(options.seed, i, 0, static_cast<std::uint32_t>(Purpose::task));
    const int difficulty = options.difficulties[i % levels];
    const int label = static_cast<int>(i / levels) % classes();
    sentences::Sentence sentence;
    int draw = 0;
    do {
      if (++draw > kMaxDraws)
        throw Error(ErrorKind::config, fmt::format("there are not {} distinct texts", options.samples),
                    fmt::format("difficulty {}", difficulty), "ask for fewer samples or more difficulties");
      sentence = draw_in_split(options, random, difficulty, label);
    } while (!seen.insert(sentence.text).second);
    samples.push_back({.index = i,
                       .id = fmt::format("{}-{}/{}/{}", split_name(options.split), options.seed, difficulty, i),
                       .group = fmt::format("difficulty/{}", difficulty),
                       .input = LabelledText{sentence.text, label}});
  }
  return samples;
}

nlohmann::json sentence_tokenizer() {
  std::vector<std::string> words{".", ","};
  for (const std::string& word : sentences::vocabulary()) words.push_back(word);
  return word_tokenizer(words);
}

}  // namespace dynexec
