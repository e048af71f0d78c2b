// Small tokenizers for tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "data/bpe_bytes.hpp"
#include "data/tokenizer.hpp"

namespace dynexec::test {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

// ids 0, 1, 2, ... in the given order.
inline json vocabulary(const std::vector<std::string>& tokens) {
  json vocab = json::object();
  for (const std::string& token : tokens) vocab[token] = vocab.size();
  return vocab;
}

inline json bpe(const std::vector<std::string>& tokens, const json& merges) {
  return {{"type", "BPE"}, {"vocab", vocabulary(tokens)}, {"merges", merges}};
}

// All bytes (id = byte), then "he" 256, "ll" 257, "hell" 258, "Ġw" 259.
inline json byte_level_file() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.emplace_back();
    append_byte_characters(std::string(1, static_cast<char>(byte)), tokens.back());
  }
  for (const char* token : {"he", "ll", "hell", "\u0120w"}) tokens.emplace_back(token);
  return {{"model", bpe(tokens, {"h e", "l l", "he ll", "\u0120 w"})},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"added_tokens", json::array()}};
}

inline json added(std::int32_t id, const std::string& content, json more = json::object()) {
  json token{{"id", id}, {"content", content}, {"special", false}, {"normalized", false}};
  token.update(more);
  return token;
}

inline std::shared_ptr<const Tokenizer> make(const json& file) {
  return Tokenizer::parse(file, "t.json");
}

// The message of the refusal, "" when the file is accepted.
inline std::string refusal(const json& file) {
  try {
    make(file);
    return "";
  } catch (const Error& error) {
    return error.kind() == ErrorKind::model ? error.message() : "wrong kind: " + error.message();
  }
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace dynexec::test
