// Added tokens (special and other): found in the text before anything else is done with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/normalizer.hpp"
#include "data/tokenizer_model.hpp"

namespace dynexec {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  std::string text;          // what decoding starts from: the content, normalised when `normalized`
  bool single_word = false;  // only between characters that are not word characters
  bool lstrip = false;       // takes the blanks on its left
  bool rstrip = false;       // takes the blanks on its right
  bool normalized = true;    // searched in the normalised text, itself normalised
  bool special = false;
};

// Finds tokens in a text: leftmost, longest among those that start at the same place.
class AddedTokenFinder {
 public:
  // A stretch of text (token < 0) or an added token.
  struct Part {
    std::size_t begin, end;
    std::int32_t token;
  };

  void add(std::string_view content, const AddedToken* token);
  // The parts of `text` from left to right; a text without tokens is one part.
  void split(std::string_view text, std::vector<Part>& parts) const;

 private:
  struct Match {
    std::size_t end = 0;
    const AddedToken* token = nullptr;
  };
  Match longest_at(std::string_view text, std::size_t at) const;

  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> children;  // sorted by byte
    const AddedToken* token = nullptr;
  };
  std::vector<Node> nodes_{Node{}};
  bool starts_[256] = {};  // bytes that some token begins with
};

class AddedVocabulary {
 public:
  // Takes the tokens as listed; where the model knows a token by another id than the list says, or two tokens
  // share an id, throws Error(ErrorKind::model). normalizer may be nullptr.
  AddedVocabulary(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer,
                  const std::string& where);
  AddedVocabulary(const AddedVocabulary&) = delete;
  AddedVocabulary& operator=(const AddedVocabulary&) = delete;

  const AddedTokenFinder& raw() const { return raw_; }
  const AddedTokenFinder& normalized() const { return normalized_; }
  const AddedToken* find(std::int32_t id) const;
  std::int32_t id_of(std::string_view content) const;  // -1 when it is not an added token
  std::int32_t id_limit() const { return id_limit_; }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<std::int32_t, const AddedToken*> by_id_;
  std::unordered_map<std::string, const AddedToken*, StringHash, std::equal_to<>> by_content_;
  AddedTokenFinder raw_, normalized_;
  std::int32_t id_limit_ = 0;
};

// The list `added_tokens` of tokenizer.json.
std::vector<AddedToken> read_added_tokens(const TokenizerPart& file);

}  // namespace dynexec
