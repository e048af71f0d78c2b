// How a text is cut into the words that the model then encodes one by one.
#pragma once

#include <memory>
#include <vector>

#include "data/tokenizer_json.hpp"
#include "data/tokenizer_piece.hpp"

namespace dynexec {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends the words of `piece`, none of them empty.
  virtual void split(const Piece& piece, TextArena& arena, std::vector<Piece>& out) const = 0;
};

// Split, ByteLevel, Digits, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit, BertPreTokenizer,
// Metaspace, Sequence; Error(model) naming any other.
std::unique_ptr<const PreTokenizer> make_pretokenizer(const TokenizerPart& part);

}  // namespace dynexec
