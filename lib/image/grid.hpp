// Pictures side by side: rows with a title, cells with a label each.
#pragma once

#include <string>
#include <vector>

#include "image/picture.hpp"

namespace dynexec {

struct GridCell {
  Picture picture;
  std::string label;  // below the picture; may be empty
};

struct GridRow {
  std::string title;  // above the row, over the whole width; may be empty
  std::vector<GridCell> cells;
};

struct PictureGrid {
  std::vector<std::string> columns;  // headings above the first row, for the first columns; may be empty
  std::vector<GridRow> rows;         // may be of different lengths
};

struct GridStyle {
  std::int64_t zoom = 1;        // a pixel of a picture becomes zoom x zoom pixels
  std::int64_t text_scale = 1;  // likewise for letters
  std::int64_t margin = 6;      // around everything and between cells
  std::int64_t narrowest = 48;  // least width of a column, so that labels of small pictures can be read
  Colour background{255, 255, 255}, text{24, 24, 24};
};

// A column is as wide as its widest picture, a row as high as its highest; pictures stand at the top left of their
// cell. Texts are broken to fit their column or the whole width. Throws Error(data) for a grid without pictures, for
// pictures whose sides and pixels do not fit each other, for a style out of range and for a result of more than 2^28
// pixels.
Picture compose_grid(const PictureGrid& grid, const GridStyle& style = {});

}  // namespace dynexec
