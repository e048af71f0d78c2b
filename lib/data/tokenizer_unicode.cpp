#include "data/tokenizer_unicode.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "base/text.hpp"
#include "data/tokenizer_regex.hpp"
#include "data/tokenizer_unicode_late.hpp"

namespace dynexec {
namespace {

utf8proc_category_t category(char32_t value) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(value));
}

bool is_continuation(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

// Length of the longest prefix at `at` that some well-formed sequence begins with; at least 1.
std::size_t maximal_subpart(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : static_cast<unsigned char>(0);
  };
  const unsigned char first = byte(0), second = byte(1);
  std::size_t needed = 0;
  if (first >= 0xc2 && first <= 0xdf) needed = 2;
  if (first >= 0xe0 && first <= 0xef) needed = 3;
  if (first >= 0xf0 && first <= 0xf4) needed = 4;
  if (needed == 0 || !is_continuation(second)) return 1;
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 1;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 1;
  std::size_t length = 2;
  while (length < needed && is_continuation(byte(length))) ++length;
  return length;
}

std::size_t first_invalid(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return text.size();
}

}  // namespace

CodePoint decode_utf8_before(std::string_view text, std::size_t end) {
  std::size_t start = end - 1;
  while (start > 0 && is_continuation(static_cast<unsigned char>(text[start]))) --start;
  return decode_utf8(text, start);
}

void append_utf8(std::string& text, char32_t value) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xc0 | value >> 6), put(0x80 | (value & 0x3f));
  } else if (value < 0x10000) {
    put(0xe0 | value >> 12), put(0x80 | (value >> 6 & 0x3f)), put(0x80 | (value & 0x3f));
  } else {
    put(0xf0 | value >> 18), put(0x80 | (value >> 12 & 0x3f)), put(0x80 | (value >> 6 & 0x3f));
    put(0x80 | (value & 0x3f));
  }
}

bool is_valid_utf8(std::string_view text) {
  return first_invalid(text, 0) == text.size();
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bad = first_invalid(text, at);
    result.append(text, at, bad - at);
    if (bad == text.size()) break;
    result += "\xef\xbf\xbd";
    at = bad + maximal_subpart(text, bad);
  }
  return result;
}

bool is_white_space(char32_t value) {
  if (value < 0x80) return value == ' ' || (value >= 9 && value <= 13);
  return value == 0x85 || value == 0xa0 || value == 0x1680 || (value >= 0x2000 && value <= 0x200a) || value == 0x2028 ||
         value == 0x2029 || value == 0x202f || value == 0x205f || value == 0x3000;
}

bool is_numeric(char32_t value) {
  if (value < 0x80) return value >= '0' && value <= '9';
  const utf8proc_category_t kind = category(value);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t value) {
  if (value < 0x80) {
    return (value >= '!' && value <= '/') || (value >= ':' && value <= '@') || (value >= '[' && value <= '`') ||
           (value >= '{' && value <= '~');
  }
  if (value == 0x166d || value == 0x111c9) return true;  // until Unicode 12 and 11
  const utf8proc_category_t kind = category(value);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO && !is_late_punctuation(value);
}

bool is_accent(char32_t value) {
  if (value == 0x1cf2 || value == 0x1cf3) return true;  // until Unicode 12
  const utf8proc_category_t kind = category(value);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME && !is_late_for_normal_forms(value);
}

bool is_control(char32_t value) {
  const utf8proc_category_t kind = category(value);
  return (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO) &&
         !is_late_control(value);
}

bool is_nonspacing_mark(char32_t value) {
  if (value == 0x1734) return true;  // until Unicode 14
  return category(value) == UTF8PROC_CATEGORY_MN && !is_late_nonspacing(value);
}

bool is_word(char32_t value) {
  if (value < 0x80) {
    return value == '_' || (value >= '0' && value <= '9') || (value >= 'a' && value <= 'z') ||
           (value >= 'A' && value <= 'Z');
  }
  static const Regex word(R"(\A[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}])", "word characters");
  std::string text;
  append_utf8(text, value);
  return word.find(text, 0).has_value();
}

}  // namespace dynexec
