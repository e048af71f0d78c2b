// Numbers of a known range as bytes, as products of whole numbers want their inputs.
#pragma once

#include <cstdint>
#include <span>

namespace dynexec {

// x is about (code - zero) * scale.
struct ByteCode {
  float scale = 1;
  std::int32_t zero = 0;
  std::int32_t highest = 255;
};

// Of numbers from low to high, 0 among them, which has a code of its own: the padding of convolutions stays exact.
// Error(internal) for bounds that are not finite.
ByteCode byte_code(float low, float high, std::int32_t highest);

// x and out: [places, channels]. The nearest codes of x * factor, with a factor for each channel; what lies outside the
// range gets its ends, what is no number the highest. Uses compute_pool().
void to_bytes(const float* x, std::int64_t places, std::span<const float> factors, const ByteCode& code,
              std::uint8_t* out);

// The highest code of an input for which products of two bytes with int8 weights add up exactly: 255, or 127 on
// processors that add them in 16 bits, with saturation.
std::int32_t highest_exact_byte();

}  // namespace dynexec
