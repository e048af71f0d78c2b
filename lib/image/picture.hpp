// A picture of 8 bits a channel, for people to look at.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "image/planes.hpp"

namespace dynexec {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue

struct Picture {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // [height, width, 3]

  void set(std::int64_t x, std::int64_t y, const Colour& colour);
  Colour at(std::int64_t x, std::int64_t y) const;
};

// Throws Error(data) unless the sides are positive, at most 2^20, and the picture holds at most 2^28 pixels.
Picture blank_picture(std::int64_t width, std::int64_t height, const Colour& colour);

// One channel (gray) or three (red, green, blue): `low` becomes 0, `high` 255, what lies beyond is cut off. Throws
// Error(data) for other channel counts, values that are not finite, and an empty range.
Picture picture_from(const Planes& image, double low, double high);

// Copies `source` to (x, y), each of its pixels as a square of zoom x zoom; what falls outside is left out.
void paste(const Picture& source, std::int64_t x, std::int64_t y, std::int64_t zoom, Picture& target);

// Throws Error(data) unless sides and pixels fit each other and the limits of blank_picture.
void require_picture(const Picture& picture);

}  // namespace dynexec
