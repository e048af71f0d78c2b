// CLIP's tokenizer as the text encoders of diffusion pipelines ship it: vocab.json and merges.txt, no tokenizer.json.
#pragma once

#include <filesystem>
#include <memory>

#include "data/tokenizer.hpp"

namespace dynexec {

// folder/vocab.json and folder/merges.txt; tokenizer_config.json and special_tokens_map.json are consulted when
// present. Error(model).
std::shared_ptr<const Tokenizer> load_clip_tokenizer(const std::filesystem::path& folder);

}  // namespace dynexec
