// An image or feature map in memory: pixels side by side, channels innermost, with a border of zeros that convolutions
// read as their padding.
#pragma once

#include <cstdint>

#include "kernels/aligned.hpp"

namespace dynexec {

template <class Value>
class PixelMap {
 public:
  PixelMap() = default;
  // All zero. Throws Error(io) when the memory is not there.
  PixelMap(std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t border)
      : height_(height),
        width_(width),
        channels_(channels),
        border_(border),
        data_((height + 2 * border) * (width + 2 * border) * channels * static_cast<std::int64_t>(sizeof(Value))) {}

  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  std::int64_t channels() const { return channels_; }
  std::int64_t border() const { return border_; }
  std::int64_t bytes() const { return data_.size(); }
  // Values from a pixel to the one below it.
  std::int64_t row_stride() const { return (width_ + 2 * border_) * channels_; }
  // Channels of the pixel (y, x); coordinates from -border on. What lies in the border must stay zero.
  Value* at(std::int64_t y, std::int64_t x) { return data_.as<Value>() + offset(y, x); }
  const Value* at(std::int64_t y, std::int64_t x) const { return data_.as<Value>() + offset(y, x); }

 private:
  std::int64_t offset(std::int64_t y, std::int64_t x) const {
    return (y + border_) * row_stride() + (x + border_) * channels_;
  }

  std::int64_t height_ = 0, width_ = 0, channels_ = 0, border_ = 0;
  AlignedBytes data_;
};

using FeatureMap = PixelMap<float>;
// Codes of values that are nowhere negative: the value is about code * scale, of a scale that belongs to the map.
using ByteMap = PixelMap<std::uint8_t>;

}  // namespace dynexec
