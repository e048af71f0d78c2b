// What products on panels share, whatever the weights' format. Private to the kernels room.
#pragma once

#include <string>
#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/panel_layout.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {

// Error(internal) unless `found` values are a matrix [out, in].
void check_size(const char* what, std::size_t found, std::int64_t in, std::int64_t out);

double macs_of(const PanelLayout& layout);

// One value a column of every part, in the order of the tiles; empty where all are. biases[p] has out values or none.
AlignedFloats pack_biases(const PanelLayout& layout, const std::vector<std::vector<float>>& biases);

// Rows whose results wait in a tile for the epilogue.
inline constexpr int kTileRows = 48;

// Multiply-adds below which waking another thread costs more than it saves.
inline constexpr double kSerialMacs = 48 * 1024;

// Calls product(panel, first row, rows, tile) for all panels, on compute_pool(), and stores what the epilogue makes of
// the tiles [rows, kPanelWidth]. The pointers of `epilogue` are those of all panels, one after the other.
template <class Product>
void run_panels(const PanelLayout& layout, const Epilogue& epilogue, float* y, std::int64_t rows,
                const Product& product) {
  const std::int64_t panels = layout.panels();
  const bool serial = static_cast<double>(rows) * macs_of(layout) < kSerialMacs;
  const KernelBranch& kernels = kernel_branch();
  compute_pool().split(panels, serial ? panels : 1, [&](std::int64_t begin, std::int64_t end, int) {
    alignas(64) float tile[kTileRows * kPanelWidth];
    for (std::int64_t panel = begin; panel < end; ++panel) {
      Epilogue here = epilogue;
      here.gated = layout.parts == 2;
      if (here.bias) here.bias += panel * kPanelWidth;
      if (here.scale) here.scale += panel * kPanelWidth;
      const std::int64_t first = panel * layout.part_width();
      const int columns = static_cast<int>(std::min(layout.part_width(), layout.out - first));
      for (std::int64_t r = 0; r < rows; r += kTileRows) {
        const int count = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - r));
        product(panel, r, count, tile);
        kernels.finish(tile, count, layout.width_of(panel), here, y + r * layout.out + first, layout.out, columns);
      }
    }
  });
}

}  // namespace dynexec
