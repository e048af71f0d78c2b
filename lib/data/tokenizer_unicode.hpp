// UTF-8 and the few Unicode properties that tokenizers ask for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dynexec {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
};

// The code point at `at` of valid UTF-8; at < text.size().
inline CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xe0) return {(first & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (first < 0xf0) return {(first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

// The code point that ends at `end` of valid UTF-8; end > 0.
CodePoint decode_utf8_before(std::string_view text, std::size_t end);

void append_utf8(std::string& text, char32_t value);

bool is_valid_utf8(std::string_view text);

// Every maximal ill-formed part becomes one U+FFFD (Unicode 3.9, "substitution of maximal subparts").
std::string replace_invalid_utf8(std::string_view text);

bool is_white_space(char32_t value);  // White_Space
bool is_numeric(char32_t value);      // Nd, Nl, No
bool is_punctuation(char32_t value);  // P* and the ASCII symbols, as the reference library knows them
bool is_accent(char32_t value);       // M*, as the reference library knows them
// Cc, Cf, Co and Mn, as the reference library's BERT normalizer knows them.
bool is_control(char32_t value);
bool is_nonspacing_mark(char32_t value);
bool is_word(char32_t value);  // Alphabetic, M, Nd, Pc, Join_Control

}  // namespace dynexec
