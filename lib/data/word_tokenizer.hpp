// Tokenizers of one token a word, for tasks with a closed vocabulary.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dynexec {

// A tokenizer.json: lower case, punctuation apart, [CLS] text [SEP]. Ids 0 to 3 are [PAD], [UNK], [CLS], [SEP]; `words`
// follow in their order.
nlohmann::json word_tokenizer(const std::vector<std::string>& words);

}  // namespace dynexec
