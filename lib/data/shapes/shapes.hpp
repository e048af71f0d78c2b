// The procedural image task: a shape on a background, from plain to small, faint, cluttered, half hidden and between
// two classes, in disjoint splits.
#pragma once

#include <cstdint>
#include <vector>

#include "data/labelled_images.hpp"
#include "data/reasoning_task.hpp"

namespace dynexec {

inline constexpr int kShapeDifficulties = 5;

struct ShapeOptions {
  Split split = Split::test;
  // Shares of difficulties 1 to 5: easy images are the common ones, as in the streams that early exit is made for.
  std::vector<double> mix{0.3, 0.25, 0.2, 0.15, 0.1};
  std::uint64_t seed = 1;
  std::int64_t size = 32;  // pixels, 16 to 256

  void check() const;  // Error(config)
};

// Images [first, first + count) of an endless stream of RGB images, with groups "difficulty/N". Any image can be drawn
// alone; the split is part of the key of its random stream, so that no image is in two splits. Labels take turns.
LabelledImages draw_shapes(const ShapeOptions& options, std::uint64_t first, std::int64_t count);

}  // namespace dynexec
