// What is put around the ids of a text: begin and end tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "data/tokenizer_json.hpp"

namespace dynexec {

// The post-processors reduce to ids before and after the text's own.
struct PostProcessor {
  std::vector<std::int32_t> before, after;
};

// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which adds nothing) and Sequence;
// Error(model) naming any other, and for a template that uses the text more or less than once.
PostProcessor make_post_processor(const TokenizerPart& part);

}  // namespace dynexec
