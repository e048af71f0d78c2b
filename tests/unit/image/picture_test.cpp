#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <string_view>

#include "../base/temp_folder.hpp"
#include "base/atomic_file.hpp"
#include "image/png.hpp"
#include "noise.hpp"

using namespace dynexec;

namespace {

std::size_t number_at(std::string_view bytes, std::size_t at) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

// The content of the next chunk, which must be of this type and have the right checksum; moves `at` behind it.
std::string_view chunk(std::string_view bytes, std::string_view type, std::size_t& at) {
  const std::size_t size = number_at(bytes, at);
  CHECK(bytes.substr(at + 4, 4) == type);
  const std::string_view checked = bytes.substr(at + 4, 4 + size);
  CHECK(crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size())) ==
        number_at(bytes, at + 8 + size));
  at += 12 + size;
  return checked.substr(4);
}

int prediction(int filter, int left, int up) {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) / 2;
    default:
      FAIL("unknown filter ", filter);
  }
  return 0;
}

Picture decoded(std::string_view bytes) {
  REQUIRE(bytes.substr(0, 8) == std::string_view("\x89PNG\r\n\x1a\n", 8));
  std::size_t at = 8;
  const std::string_view header = chunk(bytes, "IHDR", at);
  REQUIRE(header.substr(8) == std::string_view("\x08\x02\0\0\0", 5));
  Picture picture{static_cast<std::int64_t>(number_at(header, 0)), static_cast<std::int64_t>(number_at(header, 4)), {}};
  const std::string_view packed = chunk(bytes, "IDAT", at);
  CHECK(chunk(bytes, "IEND", at).empty());
  CHECK(at == bytes.size());

  const auto stride = static_cast<std::size_t>(3 * picture.width), height = static_cast<std::size_t>(picture.height);
  std::string rows((stride + 1) * height, '\0');
  uLongf size = rows.size();
  REQUIRE(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                     packed.size()) == Z_OK);
  REQUIRE(size == rows.size());
  picture.rgb.resize(stride * height);
  for (std::size_t row = 0; row < height; ++row) {
    for (std::size_t i = 0; i < stride; ++i) {
      const std::size_t here = row * stride + i;
      const int left = i < 3 ? 0 : picture.rgb[here - 3], up = row == 0 ? 0 : picture.rgb[here - stride];
      const int predicted = prediction(rows[row * (stride + 1)], left, up);
      const int raw = static_cast<unsigned char>(rows[row * (stride + 1) + 1 + i]);
      picture.rgb[here] = static_cast<std::uint8_t>(raw + predicted);
    }
  }
  return picture;
}

Picture noise_picture(std::int64_t width, std::int64_t height) {
  const std::vector<float> values = uniform_values(static_cast<std::size_t>(3 * width * height), 1);
  return picture_from({values, 3, height, width}, 0, 1);
}

}  // namespace

TEST_CASE("a PNG file holds the pixels") {
  Picture gradient = blank_picture(90, 40, {0, 0, 0});
  for (std::int64_t y = 0; y < 40; ++y) {
    for (std::int64_t x = 0; x < 90; ++x) {
      gradient.set(x, y, {static_cast<std::uint8_t>(2 * x), static_cast<std::uint8_t>(5 * y), 9});
    }
  }
  for (const Picture& picture : {gradient, noise_picture(33, 17), noise_picture(1, 1), noise_picture(1, 50),
                                 noise_picture(50, 1), blank_picture(64, 64, {200, 10, 90})}) {
    const std::string bytes = encode_png(picture);
    const Picture back = decoded(bytes);
    CHECK(back.width == picture.width);
    CHECK(back.height == picture.height);
    CHECK(back.rgb == picture.rgb);
  }
  CHECK(encode_png(gradient).size() < 600);
}

TEST_CASE("a PNG file is written as a whole or not at all") {
  const dynexec_test::TempFolder folder;
  const Picture picture = noise_picture(20, 10);
  write_png(folder.file("a.png"), picture);
  CHECK(read_file(folder.file("a.png")) == encode_png(picture));
  CHECK(contains(error_of([&] { write_png(folder.file("none/a.png"), picture); }), "cannot create the file"));
  Picture torn = picture;
  torn.rgb.pop_back();
  CHECK(contains(error_of([&] { write_png(folder.file("a.png"), torn); }), "holds 599 bytes"));
  CHECK(read_file(folder.file("a.png")) == encode_png(picture));
  CHECK(folder.entries() == 1);
}

TEST_CASE("values become bytes") {
  const std::vector<float> gray{-1, -0.5F, 0, 0.5F, 1, 7};
  const Picture picture = picture_from({gray, 1, 2, 3}, -1, 1);
  CHECK(picture.at(0, 0) == Colour{0, 0, 0});
  CHECK(picture.at(1, 0) == Colour{64, 64, 64});
  CHECK(picture.at(2, 0) == Colour{128, 128, 128});
  CHECK(picture.at(1, 1) == Colour{255, 255, 255});
  CHECK(picture.at(2, 1) == Colour{255, 255, 255});
  const std::vector<float> colour{1, 0, 0, 1, 0.2F, 0.4F};  // red, green and blue of two pixels
  CHECK(picture_from({colour, 3, 1, 2}, 0, 1).at(0, 0) == Colour{255, 0, 51});
  CHECK(picture_from({colour, 3, 1, 2}, 0, 1).at(1, 0) == Colour{0, 255, 102});
}

TEST_CASE("values that are no picture are refused") {
  std::vector<float> values(6);
  CHECK(contains(error_of([&] { picture_from({values, 2, 1, 3}, 0, 1); }), "2 channels"));
  CHECK(contains(error_of([&] { picture_from({values, 1, 2, 3}, 1, 1); }), "data range"));
  values[4] = std::nanf("");
  CHECK(contains(error_of([&] { picture_from({values, 1, 2, 3}, 0, 1); }), "channel 0, row 1, column 1"));
  CHECK(contains(error_of([] { blank_picture(0, 5, {}); }), "0 x 5 pixels"));
  CHECK(contains(error_of([] { blank_picture(1 << 20, 1 << 20, {}); }), "cannot be made"));
  CHECK(contains(error_of([] { encode_png(Picture{}); }), "0 x 0 pixels"));
}

TEST_CASE("pasting magnifies and cuts off") {
  Picture target = blank_picture(5, 4, {0, 0, 0});
  Picture source = blank_picture(2, 1, {10, 10, 10});
  source.set(1, 0, {20, 20, 20});
  paste(source, 2, 1, 2, target);
  CHECK(target.at(1, 1) == Colour{0, 0, 0});
  CHECK(target.at(2, 1) == Colour{10, 10, 10});
  CHECK(target.at(3, 2) == Colour{10, 10, 10});
  CHECK(target.at(4, 2) == Colour{20, 20, 20});
  CHECK(target.at(4, 3) == Colour{0, 0, 0});
}
