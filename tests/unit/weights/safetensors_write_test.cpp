#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "tests/unit/weights/scratch_folder.hpp"
#include "weights/safetensors.hpp"

using namespace dynexec;

namespace {

template <class T>
TensorView view_of(const std::string& name, DType dtype, std::vector<std::int64_t> shape,
                   const std::vector<T>& values) {
  return {name, dtype, std::move(shape), std::as_bytes(std::span<const T>(values))};
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("what is written is read back") {
  const test::ScratchFolder scratch;
  const std::vector<float> weights{1.5f, -2.0f, 0.25f, 8.0f, 0.0f, -0.0f};
  const std::vector<std::int8_t> small{1, -1, 3};
  const std::vector<TensorView> tensors{view_of("z.weight", DType::f32, {2, 3}, weights),
                                        view_of("a \"q\" \u00e9", DType::i8, {3}, small),
                                        view_of("empty", DType::bf16, {0, 7}, std::vector<std::uint16_t>{})};
  write_safetensors(scratch / "m.safetensors", tensors, {{"format", "pt"}, {"note", "line\nbreak"}});
  const auto file = SafetensorsFile::open(scratch / "m.safetensors");
  REQUIRE(file->tensors().size() == 3);
  CHECK(file->metadata().at("note") == "line\nbreak");
  for (const TensorView& tensor : tensors) {
    const TensorView& back = file->tensors().at(tensor.name);
    CHECK(back.dtype == tensor.dtype);
    CHECK(back.shape == tensor.shape);
    REQUIRE(back.bytes.size() == tensor.bytes.size());
    CHECK(std::equal(back.bytes.begin(), back.bytes.end(), tensor.bytes.begin()));
  }
  // Given order, first tensor aligned to 8 bytes.
  const std::string content = content_of(scratch / "m.safetensors");
  const std::size_t start = content.size() - 24 - 3;
  CHECK(start % 8 == 0);
  CHECK(std::memcmp(content.data() + start, weights.data(), 24) == 0);
}

TEST_CASE("what could not be read back is not written") {
  const test::ScratchFolder scratch;
  const std::filesystem::path path = scratch / "m.safetensors";
  const std::vector<float> four(4);
  write_safetensors(path, std::vector{view_of("a", DType::f32, {4}, four)}, {});
  const std::string before = content_of(path);
  const auto refused = [&](const std::vector<TensorView>& tensors, const std::map<std::string, std::string>& metadata) {
    CHECK_THROWS_AS(write_safetensors(path, tensors, metadata), Error);
    CHECK(content_of(path) == before);
  };
  refused({view_of("a", DType::f32, {3}, four)}, {});
  refused({view_of("a", DType::f32, {-4}, four)}, {});
  refused({view_of("a", DType::f32, {INT64_MAX, INT64_MAX}, four)}, {});
  refused({view_of("a", DType::f32, {4}, four), view_of("a", DType::f32, {4}, four)}, {});
  refused({view_of("__metadata__", DType::f32, {4}, four)}, {});
  refused({view_of("\xff", DType::f32, {4}, four)}, {});
  refused({view_of("a", DType::f32, {4}, four)}, {{"k", "\xc3"}});
  refused({view_of("a", DType::f32, std::vector<std::int64_t>(33, 1), std::vector<float>(1))}, {});
  CHECK_THROWS_AS(write_safetensors(scratch / "no/m.safetensors", {}, {}), Error);
}
