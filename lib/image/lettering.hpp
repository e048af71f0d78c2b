// Short texts in pictures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "image/picture.hpp"

namespace dynexec {

inline constexpr std::int64_t kLetterAdvance = 6,
                              kLineAdvance = 9;  // pixels from a letter or line to the next, unscaled

// The text as lines of at most `letters` letters (at least 1), broken at spaces where there are any and at its own
// newlines. A character beyond ASCII becomes one box, as does a byte that is not UTF-8. No text, no lines.
std::vector<std::string> wrap_letters(std::string_view text, std::int64_t letters);

// Height of so many lines, with the space below the last.
std::int64_t text_height(std::size_t lines, std::int64_t scale);

// Lines from wrap_letters, the first letter's top left corner at (x, y), each of its pixels a square of scale x scale.
void draw_lines(const std::vector<std::string>& lines, std::int64_t x, std::int64_t y, std::int64_t scale,
                const Colour& colour, Picture& target);

}  // namespace dynexec
