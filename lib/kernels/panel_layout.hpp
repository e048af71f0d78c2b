// Where the columns of a weight lie in panels of kPanelWidth. Private to the kernels room.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/branch.hpp"

namespace dynexec {

// `parts` matrices [out, in] (one, or gate and up) whose columns alternate in half panels.
struct PanelLayout {
  std::int64_t in = 0, out = 0;
  int parts = 1;

  std::int64_t part_width() const { return kPanelWidth / parts; }
  std::int64_t padded_out() const { return (out + kPanelStep - 1) / kPanelStep * kPanelStep; }
  std::int64_t panels() const { return (padded_out() + part_width() - 1) / part_width(); }
  // Of one part in a panel; less than part_width() only in the last one.
  std::int64_t columns_of(std::int64_t panel) const {
    return std::min<std::int64_t>(part_width(), padded_out() - panel * part_width());
  }
  int width_of(std::int64_t panel) const { return static_cast<int>(columns_of(panel)) * parts; }

  // Of something that has `rows` values a column, panel after panel, row after row within it.
  struct Place {
    std::int64_t start;  // of row 0
    std::int64_t step;   // to the next row
  };
  Place place_of(std::int64_t column, int part, std::int64_t rows) const {
    const std::int64_t panel = column / part_width(), columns = columns_of(panel);
    return {panel * kPanelWidth * rows + part * columns + column % part_width(), columns * parts};
  }
  std::int64_t size(std::int64_t rows) const { return padded_out() * parts * rows; }
};

}  // namespace dynexec
