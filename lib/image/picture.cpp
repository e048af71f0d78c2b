#include "image/picture.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kLongestSide = std::int64_t{1} << 20, kMostPixels = std::int64_t{1} << 28;

void require_size(std::int64_t width, std::int64_t height) {
  if (width >= 1 && height >= 1 && width <= kLongestSide && height <= kLongestSide && width * height <= kMostPixels) {
    return;
  }
  throw Error(ErrorKind::data, fmt::format("a picture of {} x {} pixels cannot be made", width, height), "",
              fmt::format("sides of 1 to {} and at most {} pixels are possible: show fewer or smaller images",
                          kLongestSide, kMostPixels));
}

std::size_t offset(const Picture& picture, std::int64_t x, std::int64_t y) {
  return static_cast<std::size_t>((y * picture.width + x) * 3);
}

}  // namespace

void Picture::set(std::int64_t x, std::int64_t y, const Colour& colour) {
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  std::copy(colour.begin(), colour.end(), rgb.begin() + static_cast<std::ptrdiff_t>(offset(*this, x, y)));
}

Colour Picture::at(std::int64_t x, std::int64_t y) const {
  const std::size_t first = offset(*this, x, y);
  return {rgb.at(first), rgb.at(first + 1), rgb.at(first + 2)};
}

Picture blank_picture(std::int64_t width, std::int64_t height, const Colour& colour) {
  require_size(width, height);
  Picture picture{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) picture.rgb[i] = colour[i % 3];
  return picture;
}

Picture picture_from(const Planes& image, double low, double high) {
  require_planes(image, "image");
  if (image.channels != 1 && image.channels != 3) {
    throw Error(ErrorKind::data, fmt::format("an image of {} channels cannot become a picture", image.channels), "",
                "give one channel, or red, green and blue");
  }
  require_data_range(high - low);
  Picture picture = blank_picture(image.width, image.height, {0, 0, 0});
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    const std::span<const float> plane = image.plane(image.channels == 1 ? 0 : channel);
    for (std::size_t i = 0; i < plane.size(); ++i) {
      const double share = std::clamp((static_cast<double>(plane[i]) - low) / (high - low), 0.0, 1.0);
      picture.rgb[3 * i + static_cast<std::size_t>(channel)] = static_cast<std::uint8_t>(std::lround(255 * share));
    }
  }
  return picture;
}

void paste(const Picture& source, std::int64_t x, std::int64_t y, std::int64_t zoom, Picture& target) {
  for (std::int64_t row = 0; row < source.height * zoom; ++row) {
    for (std::int64_t column = 0; column < source.width * zoom; ++column) {
      target.set(x + column, y + row, source.at(column / zoom, row / zoom));
    }
  }
}

void require_picture(const Picture& picture) {
  require_size(picture.width, picture.height);
  if (picture.rgb.size() == static_cast<std::size_t>(picture.width * picture.height * 3)) return;
  throw Error(
      ErrorKind::data,
      fmt::format("a picture of {} x {} pixels holds {} bytes", picture.width, picture.height, picture.rgb.size()), "",
      "give three bytes a pixel");
}

}  // namespace dynexec
