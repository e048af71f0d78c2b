#include "config/places.hpp"

#include <yaml-cpp/mark.h>

#include <algorithm>

namespace dynexec::config_detail {

Place Places::at(std::size_t position) const {
  if (whole_) return {source_, 0, 0};
  position = std::min(position, text_.size());
  const std::string_view before = text_.substr(0, position);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  return from_line(static_cast<int>(line), newline == std::string_view::npos ? 0 : newline + 1, position);
}

Place Places::at(const YAML::Mark& mark, const Place& otherwise) const {
  if (mark.is_null() || mark.pos < 0 || mark.column > mark.pos) return otherwise;
  if (whole_) return {source_, 0, 0};
  const auto position = static_cast<std::size_t>(mark.pos);
  if (position > text_.size()) return at(text_.size());
  return from_line(mark.line + 1, position - static_cast<std::size_t>(mark.column), position);
}

std::string_view Places::line_at(const YAML::Mark& mark) const {
  if (mark.is_null() || mark.pos < mark.column || mark.column < 0) return {};
  const auto start = static_cast<std::size_t>(mark.pos - mark.column);
  if (start >= text_.size()) return {};
  return text_.substr(start, text_.find('\n', start) - start);
}

bool Places::is_written_null(const YAML::Mark& mark) const {
  if (mark.is_null() || mark.pos < 0 || static_cast<std::size_t>(mark.pos) >= text_.size()) return false;
  const std::string_view rest = text_.substr(static_cast<std::size_t>(mark.pos));
  for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
    if (rest.substr(0, word.size()) != word) continue;
    // `~x` and `nullable` are texts: an empty value's mark stands on whatever comes next.
    return rest.size() == word.size() ||
           std::string_view(" \t\r\n,]}").find(rest[word.size()]) != std::string_view::npos;
  }
  return false;
}

Place Places::from_line(int line, std::size_t line_start, std::size_t position) const {
  const bool further = line_start == known_line_start_ && position >= known_position_;
  int column = further ? known_column_ : 1;
  for (std::size_t i = further ? known_position_ : line_start; i < position; ++i) {
    if ((static_cast<unsigned char>(text_[i]) & 0xc0U) != 0x80U) ++column;
  }
  known_line_start_ = line_start;
  known_position_ = position;
  known_column_ = column;
  return {source_, line, column};
}

}  // namespace dynexec::config_detail
