// WordPiece (Wu et al. 2016), as BERT's tokenizers use it: the longest token that fits, from left to right.
#pragma once

#include <memory>

#include "data/tokenizer_model.hpp"

namespace dynexec {

// Reads vocab, unk_token, continuing_subword_prefix and max_input_chars_per_word.
std::unique_ptr<const TokenizerModel> make_wordpiece_model(const TokenizerPart& part);

}  // namespace dynexec
