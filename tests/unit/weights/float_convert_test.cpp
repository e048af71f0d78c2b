#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "weights/safetensors.hpp"

using namespace dynexec;

namespace {

template <class T>
TensorView view_of(DType dtype, const std::vector<T>& values) {
  return {"t", dtype, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span<const T>(values))};
}

template <class T>
std::vector<float> converted(DType dtype, const std::vector<T>& values) {
  std::vector<float> out(values.size());
  copy_as_f32(view_of(dtype, values), out);
  return out;
}

// IEEE binary16 by its definition.
float half_value(std::uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  if (exponent == 0) return static_cast<float>(sign * std::ldexp(fraction, -24));
  return static_cast<float>(sign * std::ldexp(1024 + fraction, exponent - 25));
}

}  // namespace

TEST_CASE("every finite half-precision value converts exactly") {
  std::vector<std::uint16_t> finite;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    if ((bits >> 10 & 31) != 31) finite.push_back(static_cast<std::uint16_t>(bits));
  }
  const std::vector<float> out = converted(DType::f16, finite);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < finite.size(); ++i) {
    const float wanted = half_value(finite[i]);
    if (std::memcmp(&wanted, &out[i], 4) != 0) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16, f32 and f64 convert") {
  CHECK(converted(DType::bf16, std::vector<std::uint16_t>{0x3f80, 0xc049, 0x0001}) ==
        std::vector<float>{1.0f, -3.140625f, std::ldexp(1.0f, -133)});
  CHECK(converted(DType::f32, std::vector<float>{1.25f, -0.0f}) == std::vector<float>{1.25f, 0.0f});
  CHECK(converted(DType::f64, std::vector<double>{0.1, 1e-50}) == std::vector<float>{0.1f, 0.0f});
}

TEST_CASE("non-finite weights are refused with their place") {
  const auto refused_at = [](const TensorView& view, const std::string& place) {
    std::vector<float> out(static_cast<std::size_t>(view.elements()));
    try {
      copy_as_f32(view, out);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::model);
      CHECK(error.where() == "tensor 't'");
      CHECK_MESSAGE(error.message().find(place) == 0, error.message());
    }
  };
  std::vector<std::uint16_t> halves(10'000, 0x3c00);
  halves[9'000] = 0x7c00;
  refused_at(view_of(DType::f16, halves), "element 9000 ");
  refused_at(view_of(DType::f16, std::vector<std::uint16_t>{0, 0xfe01}), "element 1 ");
  refused_at(view_of(DType::bf16, std::vector<std::uint16_t>{0x7f81}), "element 0 ");
  refused_at(view_of(DType::f32, std::vector<float>{1, std::nanf("")}), "element 1 ");
  refused_at(view_of(DType::f64, std::vector<double>{1e300}), "element 0 ");
}

TEST_CASE("integer types are no weights, and the sizes must agree") {
  std::vector<float> out(2);
  CHECK_THROWS_AS(copy_as_f32(view_of(DType::i8, std::vector<std::int8_t>{1, 2}), out), Error);
  CHECK_THROWS_AS(copy_as_f32(view_of(DType::f32, std::vector<float>{1, 2, 3}), out), Error);
}
