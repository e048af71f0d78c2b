#include "kernels/stored_matrix.hpp"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr float kMostInt8 = 127, kMostInt4 = 15;

float rounded_scale(float scale, const WeightFormat& format) {
  const float kept = format.group > 0 ? from_fp16(to_fp16(scale)) : scale;
  if (!std::isfinite(kept))
    throw Error(ErrorKind::model, "a weight is too large for the format " + format.name(), "scale",
                "keep these weights in fp32");
  return kept;
}

template <class T>
void append_all(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void require_size(std::size_t found, std::int64_t out, std::int64_t in) {
  if (out > 0 && in > 0 && found / static_cast<std::size_t>(in) == static_cast<std::size_t>(out) &&
      found % static_cast<std::size_t>(in) == 0)
    return;
  throw Error(
      ErrorKind::internal,
      "weight has " + std::to_string(found) + " values instead of " + std::to_string(out) + " x " + std::to_string(in),
      "", "");
}

}  // namespace

std::uint16_t to_bf16(float value) {
  return c10::detail::round_to_nearest_even(value);
}
float from_bf16(std::uint16_t bits) {
  return c10::detail::f32_from_bits(bits);
}
std::uint16_t to_fp16(float value) {
  return c10::detail::fp16_ieee_from_fp32_value(value);
}
float from_fp16(std::uint16_t bits) {
  return c10::detail::fp16_ieee_to_fp32_value(bits);
}

std::int64_t StoredMatrix::groups() const {
  if (!format.quantised()) return 0;
  return format.group > 0 ? (in + format.group - 1) / format.group : 1;
}

void StoredMatrix::row(std::int64_t n, std::span<float> values) const {
  const auto begin = static_cast<std::size_t>(n * in), count = static_cast<std::size_t>(in);
  if (format.type == WeightType::fp32) std::copy_n(floats.begin() + n * in, in, values.begin());
  for (std::size_t k = 0; k < count && !halves.empty(); ++k)
    values[k] = format.type == WeightType::bf16 ? from_bf16(halves[begin + k]) : from_fp16(halves[begin + k]);
  if (!format.quantised()) return;
  const auto first = static_cast<std::size_t>(n * groups());
  const auto size = format.group > 0 ? static_cast<std::size_t>(format.group) : count;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t group = first + k / size;
    values[k] = static_cast<float>(codes[begin + k]) * scales[group] + (minima.empty() ? 0 : minima[group]);
  }
}

void StoredMatrix::append(const StoredMatrix& below) {
  append_all(floats, below.floats);
  append_all(halves, below.halves);
  append_all(codes, below.codes);
  append_all(scales, below.scales);
  append_all(minima, below.minima);
  out += below.out;
}

std::int8_t GroupScale::code_of(float weight, WeightType type) const {
  if (scale == 0) return 0;
  const float least = type == WeightType::int8 ? -kMostInt8 : 0,
              most = type == WeightType::int8 ? kMostInt8 : kMostInt4;
  return static_cast<std::int8_t>(std::clamp(std::nearbyint((weight - minimum) / scale), least, most));
}

GroupScale group_scale(std::span<const float> weights, const WeightFormat& format) {
  if (format.type == WeightType::int8) {
    float largest = 0;
    for (const float weight : weights) largest = std::max(largest, std::abs(weight));
    return {.scale = rounded_scale(largest / kMostInt8, format)};
  }
  const auto [least, most] = std::minmax_element(weights.begin(), weights.end());
  return scale_between(*least, *most, format);
}

GroupScale scale_between(float least, float most, const WeightFormat& format) {
  const float minimum = rounded_scale(least, format);
  return {.scale = rounded_scale((most - minimum) / kMostInt4, format), .minimum = minimum};
}

StoredMatrix round_to_nearest(std::span<const float> weights, std::int64_t out, std::int64_t in,
                              const WeightFormat& format) {
  require_size(weights.size(), out, in);
  StoredMatrix matrix{.format = format, .out = out, .in = in};
  if (format.type == WeightType::fp32) matrix.floats.assign(weights.begin(), weights.end());
  if (format.type == WeightType::bf16 || format.type == WeightType::fp16)
    for (const float weight : weights)
      matrix.halves.push_back(format.type == WeightType::bf16 ? to_bf16(weight) : to_fp16(weight));
  if (!format.quantised()) return matrix;
  matrix.codes.reserve(weights.size());
  const auto columns = static_cast<std::size_t>(in);
  const std::size_t size = format.group > 0 ? static_cast<std::size_t>(format.group) : columns;
  for (std::size_t begin = 0; begin < weights.size(); begin += columns)
    for (std::size_t k = 0; k < columns; k += size) {
      const std::span<const float> group = weights.subspan(begin + k, std::min(size, columns - k));
      const GroupScale scale = group_scale(group, format);
      matrix.scales.push_back(scale.scale);
      if (format.type == WeightType::int4) matrix.minima.push_back(scale.minimum);
      for (const float weight : group) matrix.codes.push_back(scale.code_of(weight, format.type));
    }
  return matrix;
}

StoredMatrix round_to_nearest(std::vector<float>&& weights, std::int64_t out, std::int64_t in,
                              const WeightFormat& format) {
  if (format.type != WeightType::fp32) return round_to_nearest(std::span<const float>(weights), out, in, format);
  require_size(weights.size(), out, in);
  return {.format = format, .out = out, .in = in, .floats = std::move(weights)};
}

}  // namespace dynexec
