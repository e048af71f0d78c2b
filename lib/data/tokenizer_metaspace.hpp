// SentencePiece's visible space, shared by the Metaspace pre-tokenizer and decoder.
#pragma once

#include <string>

#include "data/tokenizer_json.hpp"

namespace dynexec {

enum class PrependScheme { first, always, never };

struct Metaspace {
  std::string replacement;  // one character
  PrependScheme scheme = PrependScheme::always;
  bool split = true;
};

// Reads both the current fields and the older add_prefix_space.
Metaspace read_metaspace(const TokenizerPart& part);

}  // namespace dynexec
