// Byte-pair encoding (Sennrich et al. 2016), as byte-level and SentencePiece-style tokenizers use it.
#pragma once

#include <memory>

#include "data/tokenizer_model.hpp"

namespace dynexec {

// Reads vocab, merges (as "a b" or ["a", "b"]), unk_token, fuse_unk, byte_fallback, ignore_merges,
// continuing_subword_prefix and end_of_word_suffix. Merge dropout makes encoding random: refused unless null
// or 0.
std::unique_ptr<const TokenizerModel> make_bpe_model(const TokenizerPart& part);

}  // namespace dynexec
