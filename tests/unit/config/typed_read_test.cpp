#include <limits>

#include "config_test.hpp"

using namespace dynexec_test;

namespace {

std::int64_t int_of(const std::string& scalar) {
  return parse("a: " + scalar + "\n").root().get_int("a");
}
double double_of(const std::string& scalar) {
  return parse("a: " + scalar + "\n").root().get_double("a");
}
bool bool_of(const std::string& scalar) {
  return parse("a: " + scalar + "\n").root().get_bool("a");
}

Error int_error(const std::string& scalar) {
  return error_of([&] { int_of(scalar); });
}

}  // namespace

TEST_CASE("integers are read exactly") {
  CHECK(int_of("0") == 0);
  CHECK(int_of("-7") == -7);
  CHECK(int_of("+7") == 7);
  CHECK(int_of("0x1F") == 31);
  CHECK(int_of("1e6") == 1000000);
  CHECK(int_of("25e3") == 25000);
  CHECK(int_of("0e99999999999") == 0);
  CHECK(int_of("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(int_of("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("what is no integer is refused with the reason") {
  for (const std::string scalar : {"9223372036854775808", "-9223372036854775809", "1e19", "9e999999",
                                   "99999999999999999999", "0xFFFFFFFFFFFFFFFF"}) {
    CAPTURE(scalar);
    CHECK(int_error(scalar).message() == "`a` is `" + scalar + "`, outside the range of 64-bit integers");
  }
  CHECK(int_error("2.5").hint() == "write a whole number; a fraction is not accepted here");
  CHECK(int_error("3.0").hint() == "write it without the decimal point");
  CHECK(int_error("1e-3").message() == "`a` is `1e-3`, not a whole number");
  for (const std::string scalar : {"08", "-01", "007"}) {
    CHECK(int_error(scalar).message().find("leading zero") != std::string::npos);
  }
  for (const std::string scalar :
       {"4x", "four", "1_000", "0x", "0xg", "--4", "+-4", "1e", "e5", "0b1", ".inf", "4 5", "true"}) {
    CAPTURE(scalar);
    CHECK(int_error(scalar).message().find("not a whole number") != std::string::npos);
  }
}

TEST_CASE("each kind of wrong value says where it stands and what to write") {
  check_error([] { int_of("\"4\""); }, "t.yaml:1:4", "`a` is the quoted text `4`, where a whole number is expected",
              "write it without quotes");
  check_error([] { int_of("[4]"); }, "t.yaml:1:4", "`a` is a list, where a whole number is expected",
              "write one whole number");
  check_error([] { int_of("{b: 4}"); }, "t.yaml:1:4", "`a` is a mapping, where a whole number is expected",
              "write one whole number");
  check_error([] { int_of(""); }, "t.yaml:1:1", "`a` has no value", "write a whole number, or remove the line");
  check_error([] { parse("m:\n  ü: x\n  n: {p: [1, 2, y]}\n").root().at("m").at("n").get_ints("p", {}); },
              "t.yaml:3:17", "`m.n.p[2]` is `y`, not a whole number", "write a whole number, for example 4");
}

TEST_CASE("numbers are finite decimals") {
  CHECK(double_of("0.5") == 0.5);
  CHECK(double_of("-1e-3") == -0.001);
  CHECK(double_of("+.5") == 0.5);
  CHECK(double_of("3") == 3.0);
  CHECK(double_of("1.") == 1.0);
  for (const std::string scalar : {".nan", ".inf", "-.inf", "nan", "inf", "-inf", "infinity", "1e999", "0x10", "1,5",
                                   "5%", "", "1.2.3", "+-1", "--1", "-", "+", "e", "."}) {
    CAPTURE(scalar);
    const Error error = error_of([&] { double_of(scalar); });
    CHECK(error.where().substr(0, 9) == "t.yaml:1:");
    CHECK_FALSE(error.hint().empty());
  }
  check_error([] { double_of(".nan"); }, "t.yaml:1:4", "`a` is `.nan`, not a number that can be used",
              "write a finite decimal number, for example 0.5 or 1e-3");
}

TEST_CASE("truth values are true and false alone") {
  CHECK(bool_of("true"));
  CHECK_FALSE(bool_of("False"));
  for (const std::string scalar : {"yes", "no", "on", "off", "1", "0", "y", "tRUE", "\"true\"", "[]"}) {
    CAPTURE(scalar);
    CHECK(error_of([&] { bool_of(scalar); }).where() == "t.yaml:1:4");
  }
  check_error([] { bool_of("no"); }, "t.yaml:1:4", "`a` is `no`, neither true nor false", "write true or false");
}

TEST_CASE("bounds are inclusive and named") {
  const auto bounded = [](const char* scalar, std::int64_t high) {
    return parse(std::string("a: ") + scalar).root().get_int("a", 3, 1, high);
  };
  CHECK(bounded("1", 64) == 1);
  CHECK(bounded("64", 64) == 64);
  check_error([&] { bounded("65", 64); }, "t.yaml:1:4", "`a` is 65, but must be from 1 to 64",
              "write a number from 1 to 64");
  check_error([&] { bounded("0", std::numeric_limits<std::int64_t>::max()); }, "t.yaml:1:4",
              "`a` is 0, but must be at least 1", "write a number at least 1");
  check_error([] { parse("a: 1.5").root().get_double("a", 0.5, 0.0, 1.0); }, "t.yaml:1:4",
              "`a` is 1.5, but must be from 0 to 1", "write a number from 0 to 1");
  CHECK(parse("{}").root().get_int("a", 99, 1, 64) == 99);  // a default is the program's business
}

TEST_CASE("texts are read as written") {
  const Node root = parse("a: hello world\nb: \"x\\ty\"\nc: 007\nd: 'it''s'\ne: |\n  two\n  lines\nf: \"\"\n").root();
  CHECK(root.get_string("a") == "hello world");
  CHECK(root.get_string("b") == "x\ty");
  CHECK(root.get_string("c") == "007");
  CHECK(root.get_string("d") == "it's");
  CHECK(root.get_string("e") == "two\nlines\n");
  CHECK(root.get_string("f", "fallback").empty());
  check_error([] { parse("a:\n").root().get_string("a", "x"); }, "t.yaml:1:1", "`a` has no value",
              "write a text (\"\" for an empty one), or remove the line");
  check_error([] { parse("a: [x]\n").root().get_string("a"); }, "t.yaml:1:4", "`a` is a list, where a text is expected",
              "write one text");
}

TEST_CASE("a choice lists what is possible and guesses") {
  const auto choice = [](const std::string& text) {
    return parse(text).root().get_choice("policy", "constant", {"constant", "heuristic", "svip"});
  };
  CHECK(choice("policy: svip") == "svip");
  CHECK(choice("{}") == "constant");
  check_error([&] { choice("policy: hueristic"); }, "t.yaml:1:9",
              "`policy` is `hueristic`, which is none of constant, heuristic, svip", "did you mean `heuristic`?");
  check_error([&] { choice("policy: zzz"); }, "t.yaml:1:9",
              "`policy` is `zzz`, which is none of constant, heuristic, svip", "choose one of them");
}

TEST_CASE("lists of scalars") {
  const Node root = parse("i: [1, 2]\nd: [0.5, 1]\ns: [a, \"b c\", 3]\nn: []\nb:\n- 4\n- 5\n").root();
  CHECK(root.get_ints("i", {}) == std::vector<std::int64_t>{1, 2});
  CHECK(root.get_doubles("d", {}) == std::vector<double>{0.5, 1.0});
  CHECK(root.get_strings("s", {}) == std::vector<std::string>{"a", "b c", "3"});
  CHECK(root.get_ints("n", {7}).empty());
  CHECK(root.get_ints("b", {}) == std::vector<std::int64_t>{4, 5});
  CHECK(root.get_ints("absent", {7, 8}) == std::vector<std::int64_t>{7, 8});
  check_error([] { parse("i: 3").root().get_ints("i", {}); }, "t.yaml:1:4",
              "`i` is a single value, where a list is expected", "write it in brackets: [a, b]");
  check_error([] { parse("i: [1, ~]").root().get_ints("i", {}); }, "t.yaml:1:8", "`i[1]` has no value",
              "write a whole number, or remove the line");
}

TEST_CASE("long values are cut in messages") {
  const Error error = error_of([] { int_of(std::string(5000, 'x')); });
  CHECK(error.message().size() < 120);
}
