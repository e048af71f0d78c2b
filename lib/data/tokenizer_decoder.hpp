// How tokens become text again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizer_json.hpp"

namespace dynexec {

class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  // Rewrites the tokens; their concatenation is the text.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

// ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, BPEDecoder, WordPiece, Sequence; Error(model)
// naming any other.
std::unique_ptr<const TokenDecoder> make_token_decoder(const TokenizerPart& part);

}  // namespace dynexec
