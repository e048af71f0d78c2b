// The vocabulary and the rule that turns one word into token ids.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizer_json.hpp"
#include "data/tokenizer_piece.hpp"

namespace dynexec {

// Lets a map keyed by std::string be searched by string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Tokens and their ids, both ways. Ids may have gaps.
class Vocabulary {
 public:
  // The object at `key`: token -> id, every id once.
  explicit Vocabulary(const TokenizerPart& part, const char* key = "vocab");

  std::int32_t id_of(std::string_view token) const {  // -1 when unknown
    const auto found = ids_.find(token);
    return found == ids_.end() ? -1 : found->second;
  }
  // nullptr when no token has the id.
  const std::string* token_of(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < tokens_.size() ? tokens_[static_cast<std::size_t>(id)] : nullptr;
  }
  std::size_t tokens() const { return ids_.size(); }
  std::int32_t id_limit() const { return static_cast<std::int32_t>(tokens_.size()); }  // largest id + 1

 private:
  std::unordered_map<std::string, std::int32_t, StringHash, std::equal_to<>> ids_;
  std::vector<const std::string*> tokens_;  // keys of ids_, which stay where they are
};

class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;
  // Appends the ids of every word. Safe to call from several threads.
  virtual void encode(std::span<const Piece> words, std::vector<std::int32_t>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

// BPE, WordPiece and WordLevel; Error(model) naming any other.
std::unique_ptr<const TokenizerModel> make_tokenizer_model(const TokenizerPart& part);

}  // namespace dynexec
