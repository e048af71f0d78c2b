#include "image/ssim.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "image/psnr.hpp"
#include "noise.hpp"

using namespace dynexec;
using doctest::Approx;

TEST_CASE("an image is as similar to itself as can be") {
  const std::vector<float> values = uniform_values(3 * 20 * 31, 1);
  const Planes image{values, 3, 20, 31};
  CHECK(ssim(image, image, 1) == Approx(1).epsilon(1e-15));
  CHECK(ssim_gray(image, image, 1) == Approx(1).epsilon(1e-15));
  CHECK(std::isinf(psnr(image, image, 1)));
}

TEST_CASE("similarity to a flat image and to a shifted flat image follows the formula") {
  const std::vector<float> dark(15 * 15, 0.25F), bright(15 * 15, 0.75F);
  const double c1 = 0.01 * 0.01;
  const double expected = (2 * 0.25 * 0.75 + c1) / (0.25 * 0.25 + 0.75 * 0.75 + c1);
  CHECK(ssim({dark, 1, 15, 15}, {bright, 1, 15, 15}, 1) == Approx(expected).epsilon(1e-10));
  CHECK(psnr({dark, 1, 15, 15}, {bright, 1, 15, 15}, 1) == Approx(10 * std::log10(4)));
}

TEST_CASE("a constant shift of an image of one window changes the luminance term alone") {
  const std::vector<float> values = uniform_values(121, 2);
  std::vector<float> shifted = values;
  for (float& value : shifted) value += 0.5F;
  // The weighted mean of the only window, in two dimensions at once.
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < 121; ++i) {
    const double y = static_cast<double>(i / 11) - 5, x = static_cast<double>(i % 11) - 5;
    const double weight = std::exp(-(x * x + y * y) / (2 * 1.5 * 1.5));
    sum += weight * static_cast<double>(values[i]);
    weights += weight;
  }
  const double mean = sum / weights, moved = mean + 0.5, c1 = 1e-4;
  const double expected = (2 * mean * moved + c1) / (mean * mean + moved * moved + c1);
  CHECK(ssim({values, 1, 11, 11}, {shifted, 1, 11, 11}, 1) == Approx(expected).epsilon(1e-6));
}

TEST_CASE("the border is averaged over no more than whole windows allow") {
  // Windows of a 12 x 30 image centred at rows 5 and 6: the same as those of its two 11-row halves.
  const std::vector<float> first = uniform_values(12 * 30, 3), second = uniform_values(12 * 30, 4);
  const auto rows = [](const std::vector<float>& values, std::size_t from) {
    return std::span(values).subspan(from * 30, 11 * 30);
  };
  const double upper = ssim({rows(first, 0), 1, 11, 30}, {rows(second, 0), 1, 11, 30}, 1);
  const double lower = ssim({rows(first, 1), 1, 11, 30}, {rows(second, 1), 1, 11, 30}, 1);
  CHECK(ssim({first, 1, 12, 30}, {second, 1, 12, 30}, 1) == Approx((upper + lower) / 2).epsilon(1e-13));
}

TEST_CASE("similarity is symmetric, knows its range, and averages channels") {
  const std::vector<float> first = uniform_values(2 * 16 * 16, 5), second = uniform_values(2 * 16 * 16, 6);
  const Planes x{first, 2, 16, 16}, y{second, 2, 16, 16};
  CHECK(ssim(x, y, 1) == Approx(ssim(y, x, 1)).epsilon(1e-14));
  double sum = 0;
  for (int c = 0; c < 2; ++c) sum += ssim({x.plane(c), 1, 16, 16}, {y.plane(c), 1, 16, 16}, 1);
  CHECK(ssim(x, y, 1) == Approx(sum / 2).epsilon(1e-14));
  std::vector<float> first_bytes = first, second_bytes = second;
  for (float& value : first_bytes) value *= 256;
  for (float& value : second_bytes) value *= 256;
  CHECK(ssim({first_bytes, 2, 16, 16}, {second_bytes, 2, 16, 16}, 256) == Approx(ssim(x, y, 1)).epsilon(1e-12));
  CHECK(psnr({first_bytes, 2, 16, 16}, {second_bytes, 2, 16, 16}, 256) == Approx(psnr(x, y, 1)));
}

TEST_CASE("gray adds up the channels with the weights of Rec. 709") {
  CHECK(kGrayWeights[0] + kGrayWeights[1] + kGrayWeights[2] == Approx(1));
  const std::vector<float> plane = uniform_values(256, 7), other = uniform_values(256, 8);
  std::vector<float> alike, changed;  // the second differs in green alone
  for (int c = 0; c < 3; ++c) {
    alike.insert(alike.end(), plane.begin(), plane.end());
    changed.insert(changed.end(), c == 1 ? other.begin() : plane.begin(), c == 1 ? other.end() : plane.end());
  }
  std::vector<float> mixed(256);
  for (std::size_t i = 0; i < 256; ++i) mixed[i] = plane[i] + 0.7154F * (other[i] - plane[i]);
  CHECK(ssim_gray({alike, 3, 16, 16}, {changed, 3, 16, 16}, 1) ==
        Approx(ssim({plane, 1, 16, 16}, {mixed, 1, 16, 16}, 1)).epsilon(1e-5));
  CHECK(ssim_gray({plane, 1, 16, 16}, {other, 1, 16, 16}, 1) == ssim({plane, 1, 16, 16}, {other, 1, 16, 16}, 1));
}

TEST_CASE("images that cannot be compared are refused") {
  const std::vector<float> values = uniform_values(2 * 12 * 12, 9);
  const Planes image{values, 2, 12, 12};
  const std::span<const float> all(values);
  CHECK(contains(error_of([&] {
                   ssim({all.first(10 * 20), 1, 10, 20}, {all.first(10 * 20), 1, 10, 20}, 1);
                 }),
                 "smaller than the window"));
  CHECK(contains(error_of([&] { ssim(image, {all.first(144), 1, 12, 12}, 1); }), "shapes differ"));
  CHECK(contains(error_of([&] { psnr(image, {all, 2, 6, 24}, 1); }), "shapes differ"));
  CHECK(contains(error_of([&] { ssim({all, 2, 12, 11}, image, 1); }), "the first image: the shape [2, 12, 11]"));
  CHECK(contains(error_of([&] { ssim({all, 2, -12, -12}, image, 1); }), "does not fit"));
  CHECK(contains(error_of([&] { ssim({{}, 0, 12, 12}, {{}, 0, 12, 12}, 1); }), "does not fit"));
  CHECK(contains(error_of([&] { ssim_gray(image, image, 1); }), "2 channels"));
  for (const double range : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK(contains(error_of([&] { ssim(image, image, range); }), "data range"));
    CHECK(contains(error_of([&] { psnr(image, image, range); }), "data range"));
  }
  std::vector<float> broken = values;
  broken[144 + 12 * 3 + 4] = std::nanf("");
  CHECK(contains(error_of([&] {
                   ssim(image, {broken, 2, 12, 12}, 1);
                 }),
                 "the second image, channel 1, row 3, column 4"));
}
