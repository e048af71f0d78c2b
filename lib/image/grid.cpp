#include "image/grid.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "image/lettering.hpp"

namespace dynexec {
namespace {

using Lines = std::vector<std::string>;

// Where everything of one row comes, in pixels from the top of the row.
struct RowLayout {
  Lines title;
  std::vector<Lines> labels;
  std::int64_t pictures_at = 0, labels_at = 0, height = 0;
};

struct Layout {
  std::vector<std::int64_t> lefts, widths;  // of the columns
  std::vector<Lines> headings;
  std::int64_t rows_at = 0, width = 0, height = 0;
  std::vector<RowLayout> rows;
};

std::int64_t letters_in(std::int64_t width, const GridStyle& style) {
  // The last letter needs no space behind it.
  return (width + style.text_scale) / (kLetterAdvance * style.text_scale);
}

void lay_columns(const PictureGrid& grid, const GridStyle& style, Layout& layout) {
  for (const GridRow& row : grid.rows) {
    if (row.cells.size() > layout.widths.size()) layout.widths.resize(row.cells.size(), style.narrowest);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      layout.widths[i] = std::max(layout.widths[i], row.cells[i].picture.width * style.zoom);
    }
  }
  layout.width = style.margin;
  for (const std::int64_t width : layout.widths) {
    layout.lefts.push_back(layout.width);
    layout.width += width + style.margin;
  }
}

RowLayout lay_row(const GridRow& row, const GridStyle& style, const Layout& columns) {
  RowLayout layout;
  layout.title = wrap_letters(row.title, letters_in(columns.width - 2 * style.margin, style));
  layout.pictures_at = text_height(layout.title.size(), style.text_scale);
  std::int64_t tallest = 0;
  std::size_t most_lines = 0;
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    tallest = std::max(tallest, row.cells[i].picture.height * style.zoom);
    layout.labels.push_back(wrap_letters(row.cells[i].label, letters_in(columns.widths[i], style)));
    most_lines = std::max(most_lines, layout.labels.back().size());
  }
  layout.labels_at = layout.pictures_at + tallest + 2 * style.text_scale;
  layout.height = layout.labels_at + text_height(most_lines, style.text_scale);
  return layout;
}

Layout lay_out(const PictureGrid& grid, const GridStyle& style) {
  Layout layout;
  lay_columns(grid, style, layout);
  std::size_t most_lines = 0;
  for (std::size_t i = 0; i < grid.columns.size(); ++i) {
    layout.headings.push_back(wrap_letters(grid.columns[i], letters_in(layout.widths[i], style)));
    most_lines = std::max(most_lines, layout.headings.back().size());
  }
  layout.rows_at = style.margin + text_height(most_lines, style.text_scale);
  layout.height = layout.rows_at;
  for (const GridRow& row : grid.rows) {
    layout.rows.push_back(lay_row(row, style, layout));
    layout.height += layout.rows.back().height + style.margin;
  }
  return layout;
}

void require_grid(const PictureGrid& grid, const GridStyle& style) {
  std::size_t pictures = 0, widest = 0;
  for (const GridRow& row : grid.rows) {
    for (const GridCell& cell : row.cells) require_picture(cell.picture);
    pictures += row.cells.size();
    widest = std::max(widest, row.cells.size());
  }
  if (pictures == 0) throw Error(ErrorKind::data, "a grid without pictures", "", "give at least one row with one cell");
  if (grid.columns.size() > widest) {
    throw Error(ErrorKind::data, "more headings than columns of pictures", "", "give one heading a column");
  }
  const auto within = [](std::int64_t value, std::int64_t low, std::int64_t high) {
    return value >= low && value <= high;
  };
  if (!within(style.zoom, 1, 64) || !within(style.text_scale, 1, 64) || !within(style.margin, 0, 4096) ||
      !within(style.narrowest, 0, 4096)) {
    throw Error(ErrorKind::data, "the style of a grid is out of range", "",
                "zoom and text scale may be 1 to 64, margin and narrowest column 0 to 4096");
  }
}

}  // namespace

Picture compose_grid(const PictureGrid& grid, const GridStyle& style) {
  require_grid(grid, style);
  const Layout layout = lay_out(grid, style);
  Picture out = blank_picture(layout.width, layout.height, style.background);
  const auto write = [&](const Lines& lines, std::int64_t x, std::int64_t y) {
    draw_lines(lines, x, y, style.text_scale, style.text, out);
  };
  for (std::size_t i = 0; i < layout.headings.size(); ++i) write(layout.headings[i], layout.lefts[i], style.margin);
  std::int64_t top = layout.rows_at;
  for (std::size_t r = 0; r < grid.rows.size(); ++r) {
    const RowLayout& row = layout.rows[r];
    write(row.title, style.margin, top);
    for (std::size_t i = 0; i < grid.rows[r].cells.size(); ++i) {
      paste(grid.rows[r].cells[i].picture, layout.lefts[i], top + row.pictures_at, style.zoom, out);
      write(row.labels[i], layout.lefts[i], top + row.labels_at);
    }
    top += row.height + style.margin;
  }
  return out;
}

}  // namespace dynexec
