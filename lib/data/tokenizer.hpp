// Tokenizers of the Hugging Face tokenizer.json layout: byte-level BPE, SentencePiece-style BPE with byte fallback,
// WordPiece and whole words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

class Tokenizer {
 public:
  // folder/tokenizer.json (tokenizer_config.json and special_tokens_map.json are consulted when present).
  // Truncation and padding settings in the file are not applied: a text always gives all its ids.
  // Throws Error(ErrorKind::model) for anything that is not supported, by name ("normalizer Foo").
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& folder);
  static std::shared_ptr<const Tokenizer> parse(const nlohmann::json& tokenizer_json, const std::string& where);
  virtual ~Tokenizer() = default;

  // text: UTF-8; invalid bytes become U+FFFD. add_special: apply the post-processor (BOS and the like).
  virtual std::vector<std::int32_t> encode(std::string_view text, bool add_special) const = 0;
  // Ids outside the vocabulary are an Error(data). skip_special drops special added tokens.
  virtual std::string decode(std::span<const std::int32_t> ids, bool skip_special) const = 0;
  virtual std::int32_t vocab_size() const = 0;                      // largest id + 1
  virtual std::int32_t token_id(std::string_view token) const = 0;  // -1 when unknown
};

// Keeps at most `most` ids: the last one, which ends a text, stays the last. most > 0.
void shorten(std::vector<std::int32_t>& ids, std::size_t most);

}  // namespace dynexec
