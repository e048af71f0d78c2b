#include "image/lettering.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "image/glyphs.hpp"

namespace dynexec {
namespace {

constexpr char kUnknown = '\x7f';  // has no glyph of its own

// One char a character, so that widths can be counted.
std::string single_letters(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text, at));
    const bool printable = length == 1 && text[at] >= ' ' && text[at] <= '~';
    out.push_back(printable ? text[at] : text[at] == '\n' ? '\n' : text[at] == '\t' ? ' ' : kUnknown);
    at += length;
  }
  return out;
}

void wrap_paragraph(std::string_view text, std::size_t room, std::vector<std::string>& lines) {
  const bool broken = text.size() > room;
  while (text.size() > room) {
    // The last space that leaves a line that fits; a space right behind a full line counts, too.
    const std::size_t space = text.substr(0, room + 1).rfind(' ');
    const bool breakable = space != std::string_view::npos && space > 0;
    lines.emplace_back(text.substr(0, breakable ? space : room));
    text.remove_prefix(breakable ? space + 1 : room);
  }
  // Nothing behind a broken line's space: no further line.
  if (!text.empty() || !broken) lines.emplace_back(text);
}

void draw_letter(char letter, std::int64_t x, std::int64_t y, std::int64_t scale, const Colour& colour,
                 Picture& target) {
  const Glyph& glyph = glyph_of(letter);
  for (std::int64_t row = 0; row < kGlyphHeight * scale; ++row) {
    const unsigned bits = glyph[static_cast<std::size_t>(row / scale)];
    for (std::int64_t column = 0; column < kGlyphWidth * scale; ++column) {
      if ((bits >> (kGlyphWidth - 1 - column / scale)) & 1U) target.set(x + column, y + row, colour);
    }
  }
}

}  // namespace

std::vector<std::string> wrap_letters(std::string_view text, std::int64_t letters) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  const std::string single = single_letters(text);
  const auto room = static_cast<std::size_t>(std::max<std::int64_t>(1, letters));
  std::string_view rest = single;
  for (;;) {
    const std::size_t end = rest.find('\n');
    wrap_paragraph(rest.substr(0, end), room, lines);
    if (end == std::string_view::npos) return lines;
    rest.remove_prefix(end + 1);
  }
}

std::int64_t text_height(std::size_t lines, std::int64_t scale) {
  return static_cast<std::int64_t>(lines) * kLineAdvance * scale;
}

void draw_lines(const std::vector<std::string>& lines, std::int64_t x, std::int64_t y, std::int64_t scale,
                const Colour& colour, Picture& target) {
  for (const std::string& line : lines) {
    std::int64_t left = x;
    for (const char letter : line) {
      draw_letter(letter, left, y, scale, colour, target);
      left += kLetterAdvance * scale;
    }
    y += kLineAdvance * scale;
  }
}

}  // namespace dynexec
