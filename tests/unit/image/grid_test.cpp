#include "image/grid.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "image/glyphs.hpp"
#include "image/lettering.hpp"
#include "noise.hpp"

using namespace dynexec;

namespace {

const Colour kRed{255, 0, 0}, kGreen{0, 255, 0}, kBlue{0, 0, 255}, kWhite{255, 255, 255}, kInk{24, 24, 24};

// Pixels of this colour in a rectangle.
int count(const Picture& picture, const Colour& colour, std::int64_t left, std::int64_t top, std::int64_t right,
          std::int64_t bottom) {
  int found = 0;
  for (std::int64_t y = top; y < bottom; ++y) {
    for (std::int64_t x = left; x < right; ++x) found += picture.at(x, y) == colour;
  }
  return found;
}

int ink_of(char letter) {
  int bits = 0;
  for (const std::uint8_t row : glyph_of(letter)) bits += __builtin_popcount(row);
  return bits;
}

}  // namespace

TEST_CASE("every printable character has its own glyph of 5 x 7, all others a box") {
  std::set<Glyph> seen;
  for (char letter = ' '; letter <= '~'; ++letter) {
    for (const std::uint8_t row : glyph_of(letter)) CHECK(row < 32);
    CHECK((ink_of(letter) > 0) == (letter != ' '));
    seen.insert(glyph_of(letter));
  }
  CHECK(seen.size() == 95);
  CHECK(glyph_of('\x7f') == glyph_of('\xc3'));
  CHECK(seen.count(glyph_of('\0')) == 0);
  CHECK(glyph_of('L') == Glyph{16, 16, 16, 16, 16, 16, 31});
}

TEST_CASE("texts are broken at spaces, at newlines, and where nothing else helps") {
  using Lines = std::vector<std::string>;
  CHECK(wrap_letters("", 5) == Lines{});
  CHECK(wrap_letters("red cube", 8) == Lines{"red cube"});
  CHECK(wrap_letters("a red cube left", 8) == Lines{"a red", "cube", "left"});
  CHECK(wrap_letters("a red cube left", 10) == Lines{"a red cube", "left"});
  CHECK(wrap_letters("abcdefgh", 3) == Lines{"abc", "def", "gh"});
  CHECK(wrap_letters("abc ", 3) == Lines{"abc"});
  CHECK(wrap_letters("a\n\nb", 3) == Lines{"a", "", "b"});
  CHECK(wrap_letters("ab", 0) == Lines{"a", "b"});
  CHECK(wrap_letters("d\xc3\xa9j\xff\x1b!", 9) == Lines{"d\x7fj\x7f\x7f!"});
}

TEST_CASE("letters are drawn where they belong, and cut off at the edge") {
  Picture picture = blank_picture(20, 10, kWhite);
  draw_lines({"LT"}, 1, 2, 1, kInk, picture);
  CHECK(count(picture, kInk, 0, 0, 20, 10) == ink_of('L') + ink_of('T'));
  CHECK(picture.at(1, 2) == kInk);  // L's upper end
  CHECK(picture.at(5, 8) == kInk);  // L's foot
  CHECK(picture.at(5, 2) == kWhite);
  CHECK(picture.at(7, 2) == kInk);  // T's bar
  CHECK(picture.at(9, 8) == kInk);  // T's stem
  Picture small = blank_picture(4, 4, kWhite);
  draw_lines({"MM", "MM"}, -2, -2, 3, kInk, small);
  CHECK(count(small, kInk, 0, 0, 4, 4) > 0);
}

TEST_CASE("a grid puts pictures, headings, titles and labels in their places") {
  PictureGrid grid;
  grid.columns = {"few", "many"};
  grid.rows = {{"a red thing", {{blank_picture(4, 3, kRed), "4"}, {blank_picture(6, 6, kGreen), "50"}}},
               {"", {{blank_picture(2, 2, kBlue), ""}}}};
  const GridStyle style{.zoom = 2, .margin = 5, .narrowest = 30};
  const Picture out = compose_grid(grid, style);
  CHECK(out.width == 5 + 30 + 5 + 30 + 5);
  // Heading 9; title 9, pictures 12, gap 2, label 9; picture 4, gap 2; a margin around each.
  CHECK(out.height == 5 + 9 + (9 + 12 + 2 + 9) + 5 + (4 + 2) + 5);
  CHECK(count(out, kInk, 5, 5, 35, 14) == ink_of('f') + ink_of('e') + ink_of('w'));
  CHECK(count(out, kInk, 0, 14, out.width, 23) > 0);
  CHECK(count(out, kRed, 5, 23, 5 + 8, 23 + 6) == 48);
  CHECK(count(out, kRed, 0, 0, out.width, out.height) == 48);
  CHECK(count(out, kGreen, 40, 23, 40 + 12, 23 + 12) == 144);
  CHECK(count(out, kInk, 5, 37, 35, 46) == ink_of('4'));
  CHECK(count(out, kInk, 40, 37, 70, 46) == ink_of('5') + ink_of('0'));
  CHECK(count(out, kBlue, 5, 51, 9, 55) == 16);
}

TEST_CASE("long labels make a row higher and never reach the next column") {
  PictureGrid grid;
  grid.rows = {{"", {{blank_picture(10, 10, kRed), "a label of many words"}, {blank_picture(10, 10, kRed), ""}}}};
  const Picture out = compose_grid(grid, {.margin = 4, .narrowest = 40});
  CHECK(out.height == 4 + 10 + 2 + 5 * 9 + 4);  // 6 letters fit a line: every word has its own
  CHECK(count(out, kInk, 44, 0, out.width, out.height) == 0);
}

TEST_CASE("grids that cannot be made are refused") {
  PictureGrid grid;
  CHECK(contains(error_of([&] { compose_grid(grid); }), "without pictures"));
  grid.rows = {{"title only", {}}};
  CHECK(contains(error_of([&] { compose_grid(grid); }), "without pictures"));
  grid.rows = {{"", {{Picture{3, 3, {}}, ""}}}};
  CHECK(contains(error_of([&] { compose_grid(grid); }), "holds 0 bytes"));
  grid.rows = {{"", {{blank_picture(3, 3, kRed), ""}}}};
  for (const GridStyle& style : {GridStyle{.zoom = 0}, GridStyle{.text_scale = 0}, GridStyle{.margin = -1},
                                 GridStyle{.narrowest = -1}, GridStyle{.zoom = 1 << 30}}) {
    CHECK(contains(error_of([&] { compose_grid(grid, style); }), "out of range"));
  }
  grid.columns = {"one", "two"};
  CHECK(contains(error_of([&] { compose_grid(grid); }), "more headings"));
}
