#include "data/tokenizer_model.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/error.hpp"
#include "data/bpe.hpp"
#include "data/wordpiece.hpp"

namespace dynexec {
namespace {

// One token a word, the unknown token for words that the vocabulary lacks.
class WordLevel : public TokenizerModel {
 public:
  explicit WordLevel(const TokenizerPart& part) : vocabulary_(part), where_(part.where()) {
    unknown_token_ = part.text_or("unk_token", "[UNK]");
    unknown_ = vocabulary_.id_of(unknown_token_);
  }

  void encode(std::span<const Piece> words, std::vector<std::int32_t>& ids) const override {
    for (const Piece& word : words) {
      std::int32_t id = vocabulary_.id_of(word.text);
      if (id < 0) id = unknown_;
      if (id < 0) {
        throw Error(ErrorKind::data,
                    fmt::format("the word '{}' is not in the vocabulary, which has no unknown token '{}'", word.text,
                                unknown_token_),
                    where_, "use only words of the vocabulary");
      }
      ids.push_back(id);
    }
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::string unknown_token_, where_;
  std::int32_t unknown_ = -1;
};

}  // namespace

Vocabulary::Vocabulary(const TokenizerPart& part, const char* key) {
  const nlohmann::json& vocab = part.object(key);
  ids_.reserve(vocab.size());
  for (const auto& [token, id] : vocab.items()) {
    const std::int64_t number = count_of(id, kMaxTokenId);
    if (number < 0) {
      part.fail(fmt::format("gives the token '{}' an id that is not a number from 0 to {}", token, kMaxTokenId));
    }
    const auto index = static_cast<std::size_t>(number);
    if (index >= tokens_.size()) tokens_.resize(index + 1, nullptr);
    const auto [slot, is_new] = ids_.emplace(token, static_cast<std::int32_t>(index));
    if (tokens_[index] != nullptr) {
      part.fail(fmt::format("gives the id {} to both '{}' and '{}'", index, *tokens_[index], token));
    }
    tokens_[index] = &slot->first;
  }
}

std::unique_ptr<const TokenizerModel> make_tokenizer_model(const TokenizerPart& untyped) {
  // Files of old versions do not name the type; only BPE has merges.
  const bool bpe = untyped.has("type") ? untyped.type() == "BPE" : untyped.has("merges");
  if (bpe) return make_bpe_model(TokenizerPart(untyped.node(), untyped.what() + " BPE", untyped.where()));
  const TokenizerPart part = untyped.typed();
  if (part.type() == "WordLevel") return std::make_unique<WordLevel>(part);
  if (part.type() == "WordPiece") return make_wordpiece_model(part);
  part.unsupported();
}

}  // namespace dynexec
