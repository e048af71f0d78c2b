// What happens to a text before it is split: Unicode normal forms, replacements, case, stripping.
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer_json.hpp"

namespace dynexec {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // text: valid UTF-8, rewritten in place. at_start is cleared when the text no longer begins where it began.
  virtual void apply(std::string& text, bool& at_start) const = 0;
};

// Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, ByteLevel, BertNormalizer, Sequence;
// Error(model) naming any other.
std::unique_ptr<const Normalizer> make_normalizer(const TokenizerPart& part);

}  // namespace dynexec
