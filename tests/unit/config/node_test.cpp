#include "config_test.hpp"

using namespace dynexec_test;

namespace {

const char* const text =
    "name: quick\n"
    "paths:\n"
    "  - type: baseline\n"
    "  - type: speculative\n"
    "    draft: {model: small}\n"
    "seeds: [1, 2]\n";

}  // namespace

TEST_CASE("nodes know their place, path and kind") {
  const Node root = parse(text).root();
  CHECK(root.is_map());
  CHECK(root.key_path().empty());
  const std::vector<Node> paths = root.at("paths").items();
  REQUIRE(paths.size() == 2);
  CHECK(paths[1].place() == "t.yaml:4:5");
  CHECK(paths[1].key_path() == "paths[1]");
  const Node draft = paths[1].at("draft");
  CHECK(draft.key_path() == "paths[1].draft");
  CHECK(draft.at("model").place() == "t.yaml:5:20");
  CHECK(draft.at("model").is_scalar());
  CHECK(draft.at("model").as_string() == "small");
  CHECK(root.at("seeds").is_sequence());
  CHECK(root.keys() == std::vector<std::string>{"name", "paths", "seeds"});
}

TEST_CASE("scalars in a list are read by their own node") {
  const Config config = parse("v: [3, 0.5, true, x]");
  const std::vector<Node> items = config.root().at("v").items();
  CHECK(items[0].as_int() == 3);
  CHECK(items[1].as_double() == 0.5);
  CHECK(items[2].as_bool());
  CHECK(items[3].as_string() == "x");
  check_error([&] { items[3].as_int(); }, "t.yaml:1:19", "`v[3]` is `x`, not a whole number",
              "write a whole number, for example 4");
  config.reject_unread();
}

TEST_CASE("a node outlives its config") {
  const Node root = [] { return parse("a: {b: 5}").root(); }();
  CHECK(root.at("a").get_int("b") == 5);
}

TEST_CASE("has and find see what is written, not defaults") {
  const Node root = parse("a: 1\nb: ~\nc: {}\n").root();
  CHECK(root.has("a"));
  CHECK_FALSE(root.has("b"));  // a written null is no key at all
  CHECK_FALSE(root.find("b").has_value());
  CHECK(root.get_int("b", 4) == 4);
  CHECK(root.has("c"));
  CHECK(root.get_int("d", 9) == 9);
  CHECK_FALSE(root.has("d"));
  CHECK_FALSE(root.find("d").has_value());
  CHECK(root.section("e").get_int("f", 1) == 1);
  CHECK_FALSE(root.has("e"));
  CHECK(root.find("a")->as_int() == 1);
}

TEST_CASE("section makes an absent or commented-out mapping empty") {
  const Node root = parse("full: {a: 1}\nempty:\n  # a: 2\nlist: [1]\n").root();
  CHECK(root.section("full").get_int("a", 7) == 1);
  CHECK(root.section("empty").get_int("a", 7) == 7);
  CHECK(root.section("absent").get_int("a", 7) == 7);
  CHECK(root.section("absent").get_int("a", 7) == 7);
  CHECK(root.section("absent").section("deeper").key_path() == "absent.deeper");
  check_error([&] { root.section("list"); }, "t.yaml:4:7", "`list` is a list, where a mapping is expected",
              "write `key: value` lines under it");
}

TEST_CASE("a missing key says where to add it, or which key may be it") {
  check_error([] { parse("a: 1\nm:\n  x: 1\n").root().at("m").get_string("model"); }, "t.yaml:3:3",
              "`m.model` is missing", "add `model: …` to the mapping that begins here");
  check_error([] { parse("a: 1\nm:\n  modle: x\n").root().at("m").get_string("model"); }, "t.yaml:3:3",
              "`m.model` is missing", "did you mean `model` where `modle` stands?");
  check_error([] { parse("a: 1").root().at("b"); }, "t.yaml:1:1", "`b` is missing",
              "add `b: …` to the mapping that begins here");
  // A key that was itself asked for is not taken for a misspelling.
  check_error(
      [] {
        const Node root = parse("top_k: 1").root();
        root.get_int("top_k");
        root.get_int("top_p");
      },
      "t.yaml:1:1", "`top_p` is missing", "add `top_p: …` to the mapping that begins here");
}

TEST_CASE("reading a node as what it is not") {
  const Node root = parse("s: x\nl: [1]\n").root();
  check_error([&] { root.at("s").get_int("a", 1); }, "t.yaml:1:4", "`s` is a single value, where a mapping is expected",
              "write `key: value` lines under it");
  check_error([&] { root.at("s").items(); }, "t.yaml:1:4", "`s` is a single value, where a list is expected",
              "write one item a line, each after `- `");
  check_error([&] { root.at("l").keys(); }, "t.yaml:2:4", "`l` is a list, where a mapping is expected",
              "write `key: value` lines under it");
  check_error([&] { root.at("l").as_string(); }, "t.yaml:2:4", "`l` is a list, where a text is expected",
              "write one text");
}

TEST_CASE("fail speaks for the node") {
  const Node root = parse(text).root();
  check_error([&] { root.at("paths").items()[1].fail("needs a draft", "add one"); }, "t.yaml:4:5",
              "`paths[1]` needs a draft", "add one");
  check_error([&] { root.fail("nothing to do", "add paths"); }, "t.yaml:1:1", "nothing to do", "add paths");
}

TEST_CASE("one key with two defaults is a bug of the program") {
  const Node root = parse("{}").root();
  CHECK(root.get_int("a", 3) == 3);
  CHECK(root.get_int("a", 3) == 3);
  CHECK(error_of([&] { root.get_int("a", 4); }).kind() == ErrorKind::internal);
  CHECK(root.get_ints("l", {1, 2}).size() == 2);
  CHECK(error_of([&] { root.get_ints("l", {1, 3}); }).kind() == ErrorKind::internal);
  const Node given = parse("a: 5").root();
  CHECK(given.get_int("a", 3) == given.get_int("a", 4));
}
