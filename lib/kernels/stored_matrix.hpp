// A matrix in a weight format, in row-major order: what quantisers make, files hold and kernels pack.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/weight_format.hpp"

namespace dynexec {

// w[n, k] = code * scale + minimum of its output and group (see WeightFormat::group).
struct StoredMatrix {
  WeightFormat format;
  std::int64_t out = 0, in = 0;
  std::vector<float> floats;          // fp32, [out, in]
  std::vector<std::uint16_t> halves;  // bf16 or fp16 as their bits, [out, in]
  std::vector<std::int8_t> codes;     // int8: -127 to 127; int4: 0 to 15; [out, in]
  // [out, groups], values that fp16 holds exactly where there are groups; minima of int4 alone.
  std::vector<float> scales, minima;

  std::int64_t groups() const;
  // Row n in fp32, [in].
  void row(std::int64_t n, std::span<float> values) const;
  // All rows below one another; of the same format and inputs.
  void append(const StoredMatrix& below);
};

// Rounds every weight to the nearest that the format has. weights [out, in]. int8: symmetric, the largest weight of a
// group has the code 127; int4: from the smallest to the largest weight of a group.
// Error(model) for weights whose scales fp16 cannot hold.
StoredMatrix round_to_nearest(std::span<const float> weights, std::int64_t out, std::int64_t in,
                              const WeightFormat& format);
// Takes fp32 as it is, without a copy.
StoredMatrix round_to_nearest(std::vector<float>&& weights, std::int64_t out, std::int64_t in,
                              const WeightFormat& format);

// The scale and minimum that round_to_nearest gives a group.
struct GroupScale {
  float scale = 0, minimum = 0;
  // The code nearest to a weight.
  std::int8_t code_of(float weight, WeightType type) const;
  float value_of(std::int8_t code) const { return static_cast<float>(code) * scale + minimum; }
};
GroupScale group_scale(std::span<const float> weights, const WeightFormat& format);
// int4: with codes from `least` to `most`, as far as the format holds them.
GroupScale scale_between(float least, float most, const WeightFormat& format);

// Between fp32 and the bits of half formats, rounding to nearest, ties to even.
std::uint16_t to_bf16(float value);
float from_bf16(std::uint16_t bits);
std::uint16_t to_fp16(float value);
float from_fp16(std::uint16_t bits);

}  // namespace dynexec
