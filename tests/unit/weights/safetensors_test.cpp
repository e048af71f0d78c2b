#include "weights/safetensors.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "base/error.hpp"
#include "tests/unit/weights/scratch_folder.hpp"

using namespace dynexec;
using test::safetensors_bytes;

namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

// The message of the refusal, or "" when the bytes are accepted.
std::string refusal(const std::string& bytes) {
  try {
    SafetensorsFile::parse(as_bytes(bytes), "test");
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where() == "test");
    CHECK(!error.hint().empty());
    return error.message();
  }
}

std::string refusal(const std::string& header, const std::string& data) {
  return refusal(safetensors_bytes(header, data));
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::string kOneFloat = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

}  // namespace

TEST_CASE("a small file is read with names, types, shapes, bytes and metadata") {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I16","shape":[2,1],"data_offsets":[4,8]},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"dtype":"U8","shape":[3,0],"data_offsets":[4,4]}}  )";
  const std::string bytes = safetensors_bytes(header, std::string("\0\0\x80\x3f\x01\0\x02\0", 8));
  const auto file = SafetensorsFile::parse(as_bytes(bytes), "test");
  REQUIRE(file->tensors().size() == 3);
  const TensorView& a = file->tensors().at("a");
  CHECK(a.dtype == DType::f32);
  CHECK(a.shape.empty());
  CHECK(a.elements() == 1);
  float one = 0;
  copy_as_f32(a, {&one, 1});
  CHECK(one == 1.0f);
  const TensorView& b = file->tensors().at("b");
  CHECK(b.shape == std::vector<std::int64_t>{2, 1});
  CHECK(b.bytes.size() == 4);
  CHECK(b.bytes.data() == as_bytes(bytes).data() + 8 + header.size() + 4);
  CHECK(file->tensors().at("none").elements() == 0);
  CHECK(file->metadata().at("format") == "pt");
}

TEST_CASE("an empty header and empty data are a valid file") {
  CHECK(refusal("{}", "") == "");
}

TEST_CASE("structure of the file") {
  CHECK(mentions(refusal(std::string("\1\0\0", 3)), "too few"));
  CHECK(mentions(refusal(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)), "beyond the limit"));
  std::string huge = safetensors_bytes("{}", "");
  huge[3] = 1;  // 16 MiB and 2 bytes
  CHECK(mentions(refusal(huge), "beyond the limit"));
  huge[3] = 0, huge[2] = 1;  // 64 KiB and 2 bytes
  CHECK(mentions(refusal(huge), "beyond the end of the file"));
  CHECK(mentions(refusal("", ""), "does not begin"));
  CHECK(mentions(refusal(" " + kOneFloat, "1234"), "does not begin"));
  CHECK(mentions(refusal("\xef\xbb\xbf" + kOneFloat, "1234"), "does not begin"));
  CHECK(mentions(refusal(kOneFloat + "\n", "1234"), "does not end"));
  CHECK(mentions(refusal(kOneFloat + std::string("\0", 1), "1234"), "does not end"));
  CHECK(mentions(refusal(kOneFloat + "{}", "1234"), "not valid UTF-8 JSON"));
  CHECK(mentions(refusal("{\"a\xff\":1}", ""), "not valid UTF-8 JSON"));
  CHECK(refusal(kOneFloat + "   ", "1234") == "");
}

TEST_CASE("what people find in place of weights is named") {
  CHECK(mentions(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"), "Git LFS"));
  CHECK(mentions(refusal("<!DOCTYPE html><html></html>"), "web page"));
  CHECK(mentions(refusal(std::string("PK\x03\x04\0\0\0\0archive", 15)), "zip archive"));
}

TEST_CASE("offsets tile the data") {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  CHECK(refusal(two("[0,4]", "[4,8]"), "12345678") == "");
  CHECK(refusal(two("[4,8]", "[0,4]"), "12345678") == "");
  CHECK(mentions(refusal(two("[0,4]", "[5,9]"), "123456789"), "'b'"));            // hole
  CHECK(mentions(refusal(two("[0,4]", "[3,7]"), "1234567"), "must start at 4"));  // overlap
  CHECK(mentions(refusal(two("[0,4]", "[0,4]"), "1234"), "must start at 4"));     // the same bytes twice
  CHECK(mentions(refusal(two("[1,5]", "[5,9]"), "123456789"), "must start at 0"));
  CHECK(mentions(refusal(two("[0,4]", "[4,8]"), "123456789"), "describes 8 bytes"));
  CHECK(mentions(refusal(two("[0,4]", "[4,8]"), "1234567"), "describes 8 bytes"));
  CHECK(mentions(refusal(two("[0,4]", "[4,3]"), "1234"), "must start at 4"));
  CHECK(mentions(refusal(two("[0,4]", "[4]"), "1234"), "two numbers"));
  CHECK(mentions(refusal(two("[0,4]", "[4,8,12]"), "1234"), "two numbers"));
}

TEST_CASE("shape and span must agree without overflow") {
  const auto one = [](const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  CHECK(mentions(refusal(one("[2]", "[0,4]"), "1234"), "needs 8 bytes"));
  CHECK(mentions(refusal(one("[4611686018427387904,4]", "[0,0]"), ""), "overflows"));
  CHECK(mentions(refusal(one("[4294967296,4294967296,0]", "[0,0]"), ""), "overflows"));
  CHECK(mentions(refusal(one("[9223372036854775808]", "[0,0]"), ""), "2^63"));
  CHECK(mentions(refusal(one("[18446744073709551616]", "[0,0]"), ""), "not an integer"));
  CHECK(mentions(refusal(one("[-1]", "[0,4]"), "1234"), "negative"));
  CHECK(mentions(refusal(one("[1.0]", "[0,4]"), "1234"), "not an integer"));
  CHECK(mentions(refusal(one("[[1]]", "[0,4]"), "1234"), "a list"));
  CHECK(mentions(refusal(one("1", "[0,4]"), "1234"), "a number"));
  std::string ones = "[1";
  for (int i = 0; i < 40; ++i) ones += ",1";
  CHECK(mentions(refusal(one(ones + "]", "[0,4]"), "1234"), "dimensions"));
}

TEST_CASE("names and fields occur once, and only known ones") {
  const std::string entry = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  CHECK(mentions(refusal(R"({"a":)" + entry + R"(,"a":)" + entry + "}", "1234"), "occurs twice"));
  CHECK(mentions(refusal(R"({"a":)" + entry + R"(,"\u0061":)" + entry + "}", "1234"), "occurs twice"));
  CHECK(mentions(refusal(R"({"__metadata__":{},"__metadata__":{},"a":)" + entry + "}", "1234"), "occurs twice"));
  CHECK(mentions(refusal(R"({"__metadata__":{"k":"1","k":"2"},"a":)" + entry + "}", "1234"), "occurs twice"));
  CHECK(mentions(refusal(R"({"__metadata__":{"k":1},"a":)" + entry + "}", "1234"), "a number"));
  CHECK(mentions(refusal(R"({"__metadata__":null,"a":)" + entry + "}", "1234"), "null"));
  CHECK(mentions(refusal(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"), "twice"));
  CHECK(mentions(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", "1234"), "unknown field"));
  CHECK(mentions(refusal(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"), "data_offsets' is missing"));
  CHECK(mentions(refusal(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "1"), "'F8_E4M3'"));
  CHECK(mentions(refusal(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", "1"), "a number"));
  CHECK(mentions(refusal("[]", ""), "does not begin"));
  CHECK(mentions(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4])", "1234"), "does not end"));
}

TEST_CASE("deep nesting ends at once") {
  std::string deep = R"({"a":)";
  for (int i = 0; i < 1'000'000; ++i) deep += '[';
  CHECK(!refusal(deep + "}", "").empty());
}

TEST_CASE("more tensors than the limit are refused") {
  std::string header = "{";
  for (int i = 0; i <= 100'000; ++i) {
    header += '"';
    header += std::to_string(i);
    header += R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)";
  }
  header.back() = '}';
  CHECK(mentions(refusal(header, ""), "more than 100000 tensors"));
}

TEST_CASE("a file is mapped, and a missing, empty or odd one refused") {
  const test::ScratchFolder scratch;
  scratch.write("ok.safetensors", safetensors_bytes(kOneFloat, "1234"));
  scratch.write("empty.safetensors", "");
  CHECK(SafetensorsFile::open(scratch / "ok.safetensors")->tensors().size() == 1);
  CHECK_THROWS_AS(SafetensorsFile::open(scratch / "absent.safetensors"), Error);
  CHECK_THROWS_AS(SafetensorsFile::open(scratch / "empty.safetensors"), Error);
  CHECK_THROWS_AS(SafetensorsFile::open(scratch.path()), Error);
}
