#include "config_test.hpp"

using namespace dynexec_test;

namespace {

std::string resolve(const std::string& text, const std::function<void(const Node&)>& read) {
  const Config config = parse(text);
  read(config.root());
  config.reject_unread();
  return config.resolved_yaml();
}

// The resolved text, after checking that it resolves to itself.
std::string stable(const std::string& text, const std::function<void(const Node&)>& read) {
  const std::string resolved = resolve(text, read);
  CHECK(resolve(resolved, read) == resolved);
  return resolved;
}

void read_run(const Node& root) {
  root.get_string("name", "quick");
  const Node bench = root.section("bench");
  bench.get_int("repetitions", 3);
  bench.get_double("min_s", 0.5);
  bench.get_bool("pin", false);
  bench.get_ints("threads", {1, 2});
  bench.get_strings("tags", {});
  bench.section("unused");
  if (const auto paths = root.find("paths")) {
    for (const Node& path : paths->items()) {
      path.get_string("type", "baseline");
      path.section("draft").get_string("model", "a b");
    }
  }
}

}  // namespace

TEST_CASE("defaults are filled in, in the order of reading") {
  CHECK(stable("{}", read_run) ==
        "name: quick\n"
        "bench:\n"
        "  repetitions: 3\n"
        "  min_s: 0.5\n"
        "  pin: false\n"
        "  threads: [1, 2]\n"
        "  tags: []\n");
}

TEST_CASE("the order of the file and the way numbers are written do not show") {
  const std::string a = stable("bench: {min_s: 5e-1, repetitions: 0x10}\nname: \"x\"\n", read_run);
  CHECK(a == stable("name: x\nbench:\n  repetitions: +16\n  pin: False\n  min_s: .5\n", read_run));
}

TEST_CASE("lists of mappings keep their order and nest") {
  const std::string resolved = stable("paths: [{}, {type: spec, draft: {model: m}}]", read_run);
  CHECK(resolved.substr(resolved.find("paths:")) ==
        "paths:\n"
        "  - type: baseline\n"
        "    draft:\n"
        "      model: \"a b\"\n"
        "  - type: spec\n"
        "    draft:\n"
        "      model: m\n");
}

TEST_CASE("every text survives") {
  for (const char* text : {"plain",
                           "",
                           " ",
                           "a b",
                           "true",
                           "null",
                           "~",
                           "no",
                           "3",
                           "-3",
                           "1e5",
                           "0x10",
                           ".5",
                           "- x",
                           "a: b",
                           "a #b",
                           "[x]",
                           "{x}",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "'",
                           "\"",
                           "\\",
                           "a\\nb",
                           "two\nlines\n",
                           "tab\t",
                           "\x1b[0m",
                           "ünï 日本 🙂",
                           "\xe2\x80\xa8",
                           "\xc2\x85",
                           "\xef\xbb\xbf",
                           "---",
                           "...",
                           "#x",
                           "?",
                           ": ",
                           "a:",
                           "/path/x.yaml",
                           "=",
                           "<<",
                           "nan",
                           "-",
                           "+",
                           "\x7f",
                           "a\r\nb",
                           "trailing "}) {
    CAPTURE(text);
    const auto read = [&](const Node& root) { CHECK(root.get_string("t", text) == text); };
    const std::string resolved = stable("{}", read);
    CHECK(parse(resolved).root().get_string("t") == text);
    const auto list = [&](const Node& root) { CHECK(root.get_strings("t", {text, "x"})[0] == text); };
    CHECK(parse(stable("{}", list)).root().get_strings("t", {})[0] == text);
  }
}

TEST_CASE("what was written plainly and read as a text stays plain") {
  const auto read = [](const Node& root) {
    if (root.get_string("length", "auto") != "auto") root.get_int("length");
    root.get_string("flag");
  };
  CHECK(stable("length: 5\nflag: true\n", read) == "length: 5\nflag: true\n");
  CHECK(stable("length: auto\nflag: 1.50\n", read) == "length: auto\nflag: 1.50\n");
}

TEST_CASE("doubles read back exactly") {
  for (const double value : {0.1, 1.0 / 3.0, 1e-300, 1.7976931348623157e308, -2.5, 0.0, -0.0, 5e-324, 123456789.123}) {
    const auto read = [&](const Node& root) { CHECK(root.get_double("d", value) == value); };
    CHECK(parse(stable("{}", read)).root().get_double("d") == value);
  }
}

TEST_CASE("strange keys survive, and free-form mappings keep the order of the file") {
  const auto read = [](const Node& root) {
    for (const std::string& key : root.keys()) root.get_int(key);
  };
  const std::string text = "\"true\": 1\n\"a b\": 2\n\"3\": 3\n\"x:y\": 4\n\"\\n\": 5\n";
  CHECK(stable(text, read) == text);
}

TEST_CASE("empty mappings that are written stay, those that are not do not appear") {
  const auto read = [](const Node& root) {
    root.find("probe");
    root.section("absent");
  };
  CHECK(stable("probe: {}\n", read) == "probe: {}\n");
  CHECK(stable("{}", read) == "{}\n");
}

TEST_CASE("lists in lists, empty items and null items") {
  const auto read = [](const Node& root) {
    for (const Node& row : root.at("grid").items()) {
      if (row.is_sequence()) row.items();
    }
  };
  CHECK(stable("grid: [[1, a], [], {}, 5, ~]\n", read) == "grid:\n  - [1, a]\n  - []\n  - {}\n  - 5\n  - ~\n");
}

TEST_CASE("an override resolves like a line of the file") {
  const Config set = parse("name: a\n", {"bench.repetitions=7", "paths=[{type: spec}]", "name=b: c"});
  read_run(set.root());
  CHECK(set.resolved_yaml() == stable("name: \"b: c\"\nbench: {repetitions: 7}\npaths: [{type: spec}]\n", read_run));
}

TEST_CASE("YAML's short escapes for a non-breaking space and a next line are whole characters") {
  const auto read = [](const Node& root) {
    CHECK(root.get_string("t") ==
          "a\xc2\xa0"
          "b\xc2\x85");
  };
  stable("\"t\": \"a\\_b\\N\"\n", read);
  CHECK(parse("\"k\\_\": 1\n").root().keys() == std::vector<std::string>{"k\xc2\xa0"});
}
