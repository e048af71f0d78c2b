#include "weights/json_reader.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "tests/unit/weights/scratch_folder.hpp"
#include "weights/model_folder.hpp"

using namespace dynexec;

namespace {

Error refusal(const std::string& text) {
  try {
    parse_json_object(text, "c.json");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return error;
  }
  FAIL("accepted: ", text);
  return {ErrorKind::internal, "", "", ""};
}

}  // namespace

TEST_CASE("a document is read as json::parse reads it") {
  const std::string text =
      R"( {"a":[1,-2,3.5,[],{}],"b":{"c":null,"d":[true,{"e":"\u00e9\ud83d\ude00"}]},"big":18446744073709551615} )";
  CHECK(parse_json_object(text, "c.json") == nlohmann::json::parse(text));
}

TEST_CASE("errors carry line, column and byte") {
  const Error error = refusal("{\n  \"a\": 1,\n  oops\n}");
  CHECK(error.where() == "c.json:3:3");
  CHECK(error.message().find("byte 15") != std::string::npos);
}

TEST_CASE("what json::parse lets through is refused") {
  CHECK(refusal(R"({"a":1,"b":{"x":1,"x":2}})").message() == "the key 'x' occurs twice");
  CHECK(refusal(std::string("{}\0{}", 5)).message().find("byte 3") != std::string::npos);
  CHECK(refusal("[1]").message().find("array") != std::string::npos);
  CHECK(refusal("{} {}").message().find("not valid JSON") != std::string::npos);
  CHECK(refusal("").message().find("not valid JSON") != std::string::npos);
  CHECK(refusal("{\"a\":\"\xff\"}").message().find("not valid JSON") != std::string::npos);
  CHECK(refusal("{\"a\":1e999}").message().find("not valid JSON") != std::string::npos);
}

TEST_CASE("depth is bounded") {
  const auto nested = [](int levels) {
    return R"({"a":)" + std::string(static_cast<std::size_t>(levels - 1), '[') +
           std::string(static_cast<std::size_t>(levels - 1), ']') + "}";
  };
  CHECK(parse_json_object(nested(64), "c.json").is_object());
  CHECK(refusal(nested(65)).message().find("deeper than 64") != std::string::npos);
  CHECK(refusal(R"({"a":)" + std::string(5'000'000, '[')).message().find("deeper than 64") != std::string::npos);
}

TEST_CASE("size is bounded and an absent file is an io error") {
  const test::ScratchFolder scratch;
  scratch.write("big.json", "{\"a\":\"" + std::string(100, 'x') + "\"}");
  CHECK_THROWS_AS(read_json_object(scratch / "big.json", 50), Error);
  CHECK(read_json_object(scratch / "big.json").is_object());
  CHECK_THROWS_AS(read_json_object(scratch / "absent.json"), Error);
}
