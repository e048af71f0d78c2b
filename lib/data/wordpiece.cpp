#include "data/wordpiece.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

// The search takes the square of a word's length: a file may not ask for words without bound.
constexpr std::int64_t kMostCharacters = 1000;

class WordPiece : public TokenizerModel {
 public:
  explicit WordPiece(const TokenizerPart& part)
      : vocabulary_(part),
        prefix_(part.text_or("continuing_subword_prefix", "##")),
        unknown_token_(part.text_or("unk_token", "[UNK]")),
        where_(part.where()) {
    unknown_ = vocabulary_.id_of(unknown_token_);
    if (!part.has("max_input_chars_per_word")) return;
    most_characters_ = part.count("max_input_chars_per_word");
    if (most_characters_ > kMostCharacters)
      part.fail(fmt::format("has a 'max_input_chars_per_word' above {}", kMostCharacters));
  }

  void encode(std::span<const Piece> words, std::vector<std::int32_t>& ids) const override {
    std::string key;
    for (const Piece& word : words) {
      const std::size_t before = ids.size();
      if (characters_of(word.text) <= most_characters_ && append_tokens(word.text, key, ids)) continue;
      ids.resize(before);
      if (unknown_ < 0)
        throw Error(ErrorKind::data,
                    fmt::format("the word '{}' cannot be put together from the vocabulary, which has no unknown token "
                                "'{}'",
                                word.text.substr(0, 100), unknown_token_),
                    where_, "use only words of the vocabulary");
      ids.push_back(unknown_);
    }
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  static std::int64_t characters_of(std::string_view text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  }

  bool append_tokens(std::string_view word, std::string& key, std::vector<std::int32_t>& ids) const {
    for (std::size_t begin = 0; begin < word.size();) {
      std::int32_t id = -1;
      std::size_t end = word.size();
      key.assign(begin > 0 ? prefix_ : "");
      const std::size_t start = key.size();
      key += word.substr(begin);
      for (; end > begin; end -= decode_utf8_before(word, end).bytes) {
        key.resize(start + end - begin);
        if ((id = vocabulary_.id_of(key)) >= 0) break;
      }
      if (id < 0) return false;
      ids.push_back(id);
      begin = end;
    }
    return true;
  }

  Vocabulary vocabulary_;
  std::string prefix_, unknown_token_, where_;
  std::int32_t unknown_ = -1;
  std::int64_t most_characters_ = 100;
};

}  // namespace

std::unique_ptr<const TokenizerModel> make_wordpiece_model(const TokenizerPart& part) {
  return std::make_unique<WordPiece>(part);
}

}  // namespace dynexec
