// The procedural sentence task: texts of five difficulties and three classes, in disjoint splits.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/reasoning_task.hpp"
#include "data/sentences/sentence.hpp"
#include "data/text_classes.hpp"

namespace dynexec {

struct SentenceOptions {
  Split split = Split::test;
  std::vector<int> difficulties = {1, 2, 3, 4, 5};
  std::int64_t samples = 300;
  std::uint64_t seed = 1;

  void check() const;  // Error(config)
};

// Text number `index` of an endless stream: draws from (seed, index) until the text falls into `split`, which its hash
// decides (split_of_prompt). Difficulty and label are uniform. Any index can be drawn alone.
sentences::Sentence draw_sentence(const SentenceOptions& options, std::uint64_t index, Purpose purpose);

// Difficulties and labels alternate, so that every group "difficulty/N" has the same share and equally many texts of
// every class; texts are distinct. Error(config) for bad options, also when so many distinct texts do not exist.
std::vector<Sample> sentence_samples(const SentenceOptions& options);

// A tokenizer.json of one token a word: lower case, punctuation apart, [CLS] text [SEP]. Ids 0 to 3 are [PAD], [UNK],
// [CLS], [SEP].
nlohmann::json sentence_tokenizer();

}  // namespace dynexec
