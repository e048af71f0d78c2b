// GPT-2's reversible mapping of bytes to printable characters: a byte-level vocabulary is valid UTF-8 text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dynexec {

// Appends one character (one or two bytes of UTF-8) for every byte of `bytes`.
void append_byte_characters(std::string_view bytes, std::string& out);

// The byte of a character, or -1 when it is none of the 256.
int byte_of_character(char32_t character);

}  // namespace dynexec
