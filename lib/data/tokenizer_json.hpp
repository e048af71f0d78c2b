// Typed access to the parts of tokenizer.json, with errors that name the part and the field.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/tokenizer_regex.hpp"

namespace dynexec {

inline constexpr std::int32_t kMaxTokenId = (1 << 24) - 1;
inline constexpr std::size_t kMaxParts = 64;  // members of a Sequence

// The number when `value` is an integer from 0 to `most`, else -1. Whether it is stored as signed does not
// matter: a document that was built in memory has signed numbers where a parsed one has unsigned ones.
std::int64_t count_of(const nlohmann::json& value, std::int64_t most);

// One part, for example the normalizer; `what` is how errors call it ("normalizer Prepend").
class TokenizerPart {
 public:
  TokenizerPart(const nlohmann::json& node, std::string what, std::string where);

  const nlohmann::json& node() const { return node_; }
  const std::string& what() const { return what_; }
  const std::string& where() const { return where_; }
  // The same part called "WHAT TYPE" from now on.
  TokenizerPart typed() const;

  // Absent and null both count as absent.
  bool has(const char* key) const;
  std::string type() const { return text("type"); }
  std::string text(const char* key) const;
  std::string text_or(const char* key, const std::string& fallback) const;
  bool flag_or(const char* key, bool fallback) const;
  std::int64_t count(const char* key) const;  // 0 to 2^31 - 1
  std::int32_t token(const char* key) const;  // 0 to kMaxTokenId
  TextPattern pattern(const char* key) const;
  const nlohmann::json& list(const char* key) const;
  const nlohmann::json& object(const char* key) const;
  // The members of a Sequence's list, each an object with a type.
  std::vector<TokenizerPart> members(const char* key) const;

  [[noreturn]] void fail(const std::string& problem) const;
  // "WHAT is not supported".
  [[noreturn]] void unsupported(const std::string& detail = "") const;

 private:
  const nlohmann::json& member(const char* key) const;
  const nlohmann::json& node_;
  std::string what_, where_;
};

}  // namespace dynexec
