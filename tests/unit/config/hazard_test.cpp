// What yaml-cpp would accept, mistake or choke on.
#include <algorithm>
#include <ctime>

#include "config_test.hpp"

using namespace dynexec_test;

TEST_CASE("the text must be UTF-8 without NUL") {
  check_refused(std::string("a: 1\nb: \0\n", 10), "t.yaml:2:4", "NUL");
  check_refused("a: 1\nb: é\xff\n", "t.yaml:2:5", "not UTF-8");
  check_refused("a: \xed\xa0\x80\n", "t.yaml:1:4", "not UTF-8");
  check_refused(std::string("\xff\xfe"
                            "a\0:\0",
                            6),
                "t.yaml:1:1", "not UTF-8");
  check_refused("a: \"\\0\"\n", "t.yaml:1:4", "NUL");
}

TEST_CASE("a byte order mark and line ends of other systems are fine") {
  const Node root = parse(
                        "\xef\xbb\xbf"
                        "a: 1\r\nb: two words\r\nc: x\r\n")
                        .root();
  CHECK(root.get_int("a") == 1);
  CHECK(root.get_string("b") == "two words");
  check_error([&] { root.get_int("c"); }, "t.yaml:3:4", "`c` is `x`, not a whole number",
              "write a whole number, for example 4");
  check_error(
      [] {
        parse(
            "\xef\xbb\xbf"
            "a: x")
            .root()
            .get_int("a");
      },
      "t.yaml:1:4", "`a` is `x`, not a whole number", "write a whole number, for example 4");
}

TEST_CASE("a config is one mapping") {
  for (const char* text : {"", "\n\n", "# only a comment\n", "~", "\xef\xbb\xbf"}) {
    check_refused(text, "t.yaml:1:1", "the config is empty");
  }
  check_refused("---\n", "t.yaml:2:1", "the config is empty");
  check_refused("- a\n", "t.yaml:1:1", "the config is a list, where a mapping is expected");
  check_refused("text\n", "t.yaml:1:1", "the config is a single value, where a mapping is expected");
  CHECK(parse("---\na: 1\n...\n# end\n").root().get_int("a") == 1);
  CHECK(parse("%YAML 1.2\n---\na: 1\n").root().get_int("a") == 1);
}

TEST_CASE("a second document is refused, not dropped") {
  check_refused("a: 1\n---\nb: 2\n", "t.yaml:2:1", "a second document begins here");
  check_refused("---\na: 1\n---\n", "t.yaml:3:1", "a second document begins here");
  check_refused("a: 1\n...\nb: 2\n", "t.yaml:3:1", "a second document begins here");
  check_refused("--- {a: 1}\n--- {b: 1}\n", "t.yaml:2:1", "a second document begins here");
  check_refused("a: |\n  x\n---\n", "t.yaml:3:1", "a second document begins here");
  CHECK(parse("a: |\n  ---\n  x\n").root().get_string("a") == "---\nx\n");  // indented, so just text
  check_refused("{a: 1} b\n", "t.yaml:1:8", "does not belong to the document");
}

TEST_CASE("duplicate keys are refused with both places") {
  check_error([] { parse("a: 1\nm:\n  k: 1\n  l: 2\n  k: 3\n"); }, "t.yaml:5:3",
              "the key `k` stands here a second time, first at t.yaml:3:3", "remove one of the two");
  check_refused("{a: 1, \"a\": 2}", "t.yaml:1:8", "first at t.yaml:1:2");
  parse("a: {k: 1}\nb: {k: 1}\nc: [{k: 1}, {k: 1}]\n");  // not in the same mapping
}

TEST_CASE("anchors, aliases, merge keys and tags are refused") {
  const std::string part = "an anchor or alias";
  check_refused("a: &x 1\nb: *x\n", "t.yaml:1:4", part);
  check_refused("a: *x\n", "t.yaml:1:4", part);
  check_refused("a: &x\n  b: 1\n", "t.yaml:1:4", part);
  check_refused("<<: {a: 1}\n", "t.yaml:1:1", "a merge key");
  CHECK(error_of([] { parse("<<: {a: 1}\n"); }).hint() == "share settings by `extends: file.yaml` instead");
  check_refused("a: !!int \"3\"\n", "t.yaml:1:4", "a type tag (`tag:yaml.org,2002:int`)");
  check_refused("a: !include x.yaml\n", "t.yaml:1:4", "a type tag");
}

TEST_CASE("an alias bomb does not get to multiply") {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string n = std::to_string(i), before = std::to_string(i - 1);
    bomb += "a" + n + ": &a" + n + " [*a" + before + ", *a" + before + "]\n";
  }
  check_refused(bomb, "t.yaml:1:5", "an anchor or alias");
}

TEST_CASE("keys are plain names") {
  check_refused("? [a, b]\n: 1\n", "t.yaml:1:3", "a key that is a list or mapping");
  check_refused("a: 1\n: 2\n", "t.yaml:2:1", "a key without a name");
  check_refused("\"\": 2\n", "t.yaml:1:1", "a key without a name");
  check_refused("~: 2\n", "t.yaml:1:1", "a key without a name");
  check_refused("? " + std::string(300, 'k') + "\n: 1\n", "t.yaml:1:3", "a key of more than 256 bytes");
}

TEST_CASE("nesting is bounded") {
  const auto nested = [](int depth) {
    std::string text = "a: ";
    for (int i = 0; i < depth; ++i) text += '[';
    for (int i = 0; i < depth; ++i) text += ']';
    return text;
  };
  CHECK(parse(nested(63)).root().at("a").is_sequence());
  check_refused(nested(64), "t.yaml:1:67", "more than 64 levels");
  check_refused(nested(100000), "t.yaml:1:67", "more than 64 levels");
  std::string indented;
  for (int i = 0; i < 100; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "k:\n";
  check_refused(indented, "t.yaml:65:65", "more than 64 levels");
}

TEST_CASE("the number of values is bounded") {
  std::string list = "a:\n";
  for (int i = 0; i < 100001; ++i) list += "- 1\n";
  check_refused(list, "t.yaml:100000:3", "more than 100,000 values");
}

TEST_CASE("the size is bounded") {
  check_refused("a: " + std::string(1 << 20, 'x'), "t.yaml:1:1", "more than 1 MiB");
  CHECK(parse("a: " + std::string((1 << 20) - 3, 'x')).root().get_string("a").size() == (1 << 20) - 3);
}

TEST_CASE("syntax errors have a place and a remedy") {
  check_error([] { parse("a: b: c\n"); }, "t.yaml:1:5", "not valid YAML: illegal map value",
              "quote a text that holds `: `; give a nested key its own line, indented under its parent");
  check_error([] { parse("a: 1\nb: [1, 2\nc: 3\n"); }, "t.yaml:3:2", "not valid YAML: end of sequence flow not found",
              "close the bracket that is open here");
  check_error([] { parse("a: 1\nb: @x\n"); }, "t.yaml:2:4", "not valid YAML: unknown token",
              "quote a text that begins with a special character");
  check_refused("a: 1\n\tb: 1\n", "t.yaml:2:1", "illegal tab");
  check_refused("a:\n\tb: 1\n", "t.yaml:2:3", "not valid YAML");
  CHECK(error_of([] { parse("a:\n\tb: 1\n"); }).hint() == "this line is indented with a tab: indent with spaces");
}

TEST_CASE("a quote that is never closed does not swallow the rest of the file") {
  for (const char* text :
       {"name: \"quick\nn: 4\n", "name: 'quick\nn: 4\n\n", "name: \"quick\nn: 4", "name: \"quick\nn: 4\r\n"}) {
    check_refused(text, error_of([&] { parse(text); }).where(), "the text ends inside quotes");
    CHECK(error_of([&] { parse(text); }).hint() == "close the quote; it was opened somewhere after t.yaml:1:1");
  }
  CHECK(parse("a: |+\n  x\n\n").root().get_string("a") == "x\n\n");  // a block's own line ends stay
}

TEST_CASE("no megabyte of anything takes long") {
  const auto repeat = [](const std::string& unit, std::size_t n) {
    std::string text;
    while (text.size() + unit.size() <= n) text += unit;
    return text;
  };
  double slowest = 0.0;  // seconds of CPU time: other programs on the machine do not count
  for (const char* unit :
       {"[",     "{a: ", "- ",     "? ", "a: ", ":", "\"\\x41", "'\n", "|", "&a ", "!a ", "*a ",  "%a\n",    "]",
        "...\n", "#\n",  "a: b, ", "[?", "\n",  " ", "\t",      "a\r", ",", "-",   "'",   "a: {", "\xc3\xa9"}) {
    for (const std::string& head : {std::string(), std::string("a: "), std::string("a: [")}) {
      const std::clock_t start = std::clock();
      try {
        parse(head + repeat(unit, head.empty() ? (1 << 20) : (1 << 17)));
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::config);
      }
      slowest = std::max(slowest, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
  }
  CHECK(slowest < 30.0);  // 0.3 s without sanitizers; a hang or a square law would take minutes
}
