// The regular expressions of tokenizer.json, whose dialect is Oniguruma's Ruby syntax, on PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

// The longest text that any stage takes or makes.
inline constexpr std::size_t kMaxTokenizerText = std::size_t{256} << 20;

struct TextRange {
  std::size_t begin = 0, end = 0;
};

// Rewrites a pattern of that dialect for PCRE2 in UTF and UCP mode: \s, \d, \w and \h with Unicode's current
// definitions, (?m), scripts, intervals with + behind them, isolated options. Throws Error(ErrorKind::model),
// naming the construct, for anything whose meaning would change.
std::string translate_regex(std::string_view pattern, const std::string& where);

class Regex {
 public:
  // where: what the pattern belongs to, for errors. Throws Error(ErrorKind::model).
  Regex(std::string_view pattern, const std::string& where);

  // The first match that starts at or after `at`; text is valid UTF-8. Throws Error(data) when the pattern
  // needs more steps than any sensible pattern does (catastrophic backtracking).
  std::optional<TextRange> find(std::string_view text, std::size_t at) const;

  // All matches from left to right; an empty match directly behind another match is skipped.
  void find_all(std::string_view text, std::vector<TextRange>& matches) const;

 private:
  struct Code;
  class Search;
  std::shared_ptr<const Code> code_;
};

// A pattern of tokenizer.json: {"String": literal} or {"Regex": expression}.
class TextPattern {
 public:
  static TextPattern literal(std::string text);
  static TextPattern regex(std::string_view expression, const std::string& where);

  void find_all(std::string_view text, std::vector<TextRange>& matches) const;
  // Whether a match that is not empty starts the text.
  bool matches_start(std::string_view text) const;
  // Every match replaced by `content`. Throws Error(data) beyond kMaxTokenizerText: nested replacements can
  // multiply a text.
  std::string replace(std::string_view text, std::string_view content) const;

 private:
  std::string literal_;
  std::optional<Regex> regex_;
};

}  // namespace dynexec
