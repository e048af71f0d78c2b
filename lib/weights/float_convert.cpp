#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are read as little-endian memory");

constexpr std::uint32_t kExponent = 0x7f800000u;

// One rounding-free conversion per storage type, each free of branches so that the loop over it vectorises.
struct FromF32 {
  using Stored = std::uint32_t;
  static float convert(Stored bits) { return std::bit_cast<float>(bits); }
};

struct FromBf16 {
  using Stored = std::uint16_t;
  static float convert(Stored bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

struct FromF16 {
  using Stored = std::uint16_t;
  static float convert(Stored bits) {
    const std::uint32_t half = bits;
    const std::uint32_t sign = (half & 0x8000u) << 16;
    const std::uint32_t magnitude = (half & 0x7fffu) << 13;
    // Normal numbers need their exponent rebased by 127 - 15. Subnormals get the exponent of 2^-14 with an
    // implicit one, which the subtraction takes away again, exactly. Infinities and NaN keep an all-ones
    // exponent.
    const float normal = std::bit_cast<float>(magnitude + (112u << 23));
    const float subnormal = std::bit_cast<float>(magnitude + (113u << 23)) - std::bit_cast<float>(113u << 23);
    const std::uint32_t value = std::bit_cast<std::uint32_t>(magnitude < (1u << 23) ? subnormal : normal);
    return std::bit_cast<float>(value | sign | (magnitude >= (31u << 23) ? kExponent : 0u));
  }
};

struct FromF64 {
  using Stored = double;
  static float convert(Stored value) { return static_cast<float>(value); }
};

template <class Source>
void convert_all(const TensorView& view, std::span<float> out) {
  using Stored = typename Source::Stored;
  constexpr std::size_t kBlock = 4096;
  Stored stored[kBlock];
  for (std::size_t start = 0; start < out.size(); start += kBlock) {
    const std::size_t count = std::min(kBlock, out.size() - start);
    std::memcpy(stored, view.bytes.data() + start * sizeof(Stored), count * sizeof(Stored));
    float* to = out.data() + start;
    std::uint32_t broken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = Source::convert(stored[i]);
      broken |= (std::bit_cast<std::uint32_t>(to[i]) & kExponent) == kExponent ? 1u : 0u;
    }
    if (broken == 0) continue;
    std::size_t at = 0;
    while (std::isfinite(to[at])) ++at;
    throw Error(ErrorKind::model, fmt::format("element {} is not a finite fp32 number ({})", start + at, to[at]),
                fmt::format("tensor '{}'", view.name), "the checkpoint diverged or is damaged; use another one");
  }
}

}  // namespace

void copy_as_f32(const TensorView& view, std::span<float> out) {
  if (static_cast<std::int64_t>(out.size()) != view.elements() ||
      out.size() * dtype_size(view.dtype) != view.bytes.size()) {
    throw Error(ErrorKind::internal, "copy_as_f32 with a destination of another size", view.name, "");
  }
  switch (view.dtype) {
    case DType::f32:
      return convert_all<FromF32>(view, out);
    case DType::bf16:
      return convert_all<FromBf16>(view, out);
    case DType::f16:
      return convert_all<FromF16>(view, out);
    case DType::f64:
      return convert_all<FromF64>(view, out);
    default:
      throw Error(ErrorKind::model, fmt::format("type {} holds no floating-point weights", dtype_name(view.dtype)),
                  fmt::format("tensor '{}'", view.name), "use a checkpoint in F32, F16 or BF16 (not a quantised one)");
  }
}

}  // namespace dynexec
