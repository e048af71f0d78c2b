// What the files beside tokenizer.json add to it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace dynexec {

// Tokens of tokenizer_config.json's added_tokens_decoder replace or extend `added_tokens`; tokens that it or
// special_tokens_map.json names as special (bos_token, additional_special_tokens, ...) and the vocabulary
// knows become special. Absent files change nothing. Throws Error(ErrorKind::model).
void apply_tokenizer_config(const std::filesystem::path& folder, nlohmann::json& tokenizer);

}  // namespace dynexec
