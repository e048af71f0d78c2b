// The letters that label pictures: ASCII, 5 pixels wide and 7 high.
#pragma once

#include <array>
#include <cstdint>

namespace dynexec {

inline constexpr std::int64_t kGlyphWidth = 5, kGlyphHeight = 7;

// Rows from the top; bit 4 is the leftmost pixel.
using Glyph = std::array<std::uint8_t, 7>;

// A hollow box for everything but the printable characters of ASCII.
const Glyph& glyph_of(char character);

}  // namespace dynexec
