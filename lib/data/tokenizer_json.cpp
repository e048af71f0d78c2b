#include "data/tokenizer_json.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {

std::int64_t count_of(const nlohmann::json& value, std::int64_t most) {
  if (value.is_number_unsigned()) {
    return value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most) ? value.get<std::int64_t>() : -1;
  }
  if (!value.is_number_integer()) return -1;
  const auto number = value.get<std::int64_t>();
  return number >= 0 && number <= most ? number : -1;
}

TokenizerPart::TokenizerPart(const nlohmann::json& node, std::string what, std::string where)
    : node_(node), what_(std::move(what)), where_(std::move(where)) {
  if (!node_.is_object()) fail(fmt::format("is {} where an object is needed", node_.type_name()));
}

TokenizerPart TokenizerPart::typed() const {
  return {node_, fmt::format("{} {}", what_, type()), where_};
}

void TokenizerPart::fail(const std::string& problem) const {
  throw Error(ErrorKind::model, fmt::format("{} {}", what_, problem), where_,
              "the file is damaged or of another version; save it again with a current tokenizers library");
}

void TokenizerPart::unsupported(const std::string& detail) const {
  throw Error(ErrorKind::model, fmt::format("{} is not supported{}{}", what_, detail.empty() ? "" : ": ", detail),
              where_, "supported are byte-level and SentencePiece-style BPE and word-level tokenizers");
}

bool TokenizerPart::has(const char* key) const {
  const auto found = node_.find(key);
  return found != node_.end() && !found->is_null();
}

const nlohmann::json& TokenizerPart::member(const char* key) const {
  if (!has(key)) fail(fmt::format("has no '{}'", key));
  return node_.at(key);
}

std::string TokenizerPart::text(const char* key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_string()) fail(fmt::format("has a '{}' that is not a string", key));
  return value.get<std::string>();
}

std::string TokenizerPart::text_or(const char* key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

bool TokenizerPart::flag_or(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!member(key).is_boolean()) fail(fmt::format("has a '{}' that is neither true nor false", key));
  return member(key).get<bool>();
}

std::int64_t TokenizerPart::count(const char* key) const {
  const std::int64_t number = count_of(member(key), 0x7fffffff);
  if (number < 0) fail(fmt::format("has a '{}' that is not a count", key));
  return number;
}

std::int32_t TokenizerPart::token(const char* key) const {
  const std::int64_t id = count(key);
  if (id > kMaxTokenId) fail(fmt::format("has the id {}, beyond the limit of {}", id, kMaxTokenId));
  return static_cast<std::int32_t>(id);
}

TextPattern TokenizerPart::pattern(const char* key) const {
  const TokenizerPart inner(member(key), fmt::format("{}: '{}'", what_, key), where_);
  if (inner.has("Regex")) return TextPattern::regex(inner.text("Regex"), fmt::format("{} ({})", where_, what_));
  const std::string literal = inner.text("String");
  if (literal.empty()) inner.fail("is an empty string");
  return TextPattern::literal(literal);
}

const nlohmann::json& TokenizerPart::list(const char* key) const {
  if (!member(key).is_array()) fail(fmt::format("has a '{}' that is not a list", key));
  return member(key);
}

const nlohmann::json& TokenizerPart::object(const char* key) const {
  if (!member(key).is_object()) fail(fmt::format("has a '{}' that is not an object", key));
  return member(key);
}

std::vector<TokenizerPart> TokenizerPart::members(const char* key) const {
  const nlohmann::json& nodes = list(key);
  if (nodes.size() > kMaxParts) fail(fmt::format("has more than {} members", kMaxParts));
  const std::string kind = what_.substr(0, what_.rfind(' '));
  std::vector<TokenizerPart> parts;
  for (const nlohmann::json& node : nodes) parts.emplace_back(node, kind, where_);
  return parts;
}

}  // namespace dynexec
