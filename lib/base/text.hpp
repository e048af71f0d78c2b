// Making text from outside safe to print.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dynexec {

// Control characters, bytes that are not UTF-8 and Unicode's direction overrides become visible escapes
// (\n, \t, \x1b, \u202e); all other text is returned as it is. A file name or key can then neither move the
// cursor, nor recolour a terminal, nor forge a second line of a message.
std::string escape_control(std::string_view text);

// The first `bytes` bytes of the text, cut between characters, with an ellipsis when something was left out.
// For messages that quote input.
std::string excerpt(std::string_view text, std::size_t bytes = 60);

// Length in bytes (1-4) of the UTF-8 sequence at `at`, 0 when it is malformed: overlong, surrogate, truncated
// or above U+10FFFF. Requires at < text.size().
std::size_t utf8_length(std::string_view text, std::size_t at);

}  // namespace dynexec
