#include "config_test.hpp"

using namespace dynexec_test;

namespace {

const char* const text =
    "a: {b: 1, c: x}\npaths:\n- {length: 1}\n- {length: 2}\nlist: [1, 2, 3]\nempty: []\nnothing:\n";

void check_usage(const std::string& override_text, const std::string& what, const std::string& hint) {
  check_error([&] { parse(text, {override_text}); }, "--set " + override_text, what, hint, ErrorKind::usage);
}

const std::string form = "write --set key.subkey=value; items of a list are counted from 0: paths.0.length=3";

}  // namespace

TEST_CASE("overrides replace, create and index") {
  const Node root =
      parse(text, {"a.b=5", "paths.0.length=7", "paths[1].length=8", "list[2]=9", "x.y.z=true", "nothing.k=v", "a.b=6"})
          .root();
  CHECK(root.at("a").get_int("b") == 6);  // the later one
  CHECK(root.at("a").get_string("c") == "x");
  CHECK(root.at("paths").items()[0].get_int("length") == 7);
  CHECK(root.at("paths").items()[1].get_int("length") == 8);
  CHECK(root.get_ints("list", {}) == std::vector<std::int64_t>{1, 2, 9});
  CHECK(root.at("x").at("y").get_bool("z"));
  CHECK(root.at("nothing").get_string("k") == "v");
}

TEST_CASE("the value is YAML as far as it is one value") {
  const auto value = [](const std::string& v) { return parse(text, {"a=" + v}).root().at("a"); };
  CHECK(value("[1, 2]").items().size() == 2);
  CHECK(value("{k: 3}").get_int("k") == 3);
  CHECK(value("\"quoted: text\"").as_string() == "quoted: text");
  CHECK(value("3").as_int() == 3);
  CHECK(value("x=y=z").as_string() == "x=y=z");
  CHECK(value("").as_string().empty());
  CHECK(value("Question: why").as_string() == "Question: why");
  CHECK(value("- dash").as_string() == "- dash");
  CHECK(value("#5").as_string() == "#5");
  CHECK(value("a b  c").as_string() == "a b  c");
  CHECK(value("1,2").as_string() == "1,2");
  CHECK(value("[[1], {k: v}]").items()[1].get_string("k") == "v");
}

TEST_CASE("null takes a key out") {
  CHECK_FALSE(parse(text, {"a=null"}).root().has("a"));
  CHECK_FALSE(parse(text, {"a.b=~"}).root().at("a").has("b"));
  check_usage("lst=null", "there is no `lst` to take out", "did you mean `list`?");
  check_usage("zzz=~", "there is no `zzz` to take out", "remove the override");
}

TEST_CASE("malformed overrides are named") {
  check_usage("a.b", "an override without `=`", form);
  check_usage("", "an override without `=`", form);
  for (const char* path : {"", ".a", "a..b", "a.", "a[", "a[]", "a[x]", "a[1", "a]b", "a[1]b", "[0]", "a b"}) {
    CAPTURE(path);
    const std::string whole = std::string(path) + "=1";
    const Error error = error_of([&] { parse(text, {whole}); });
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(error.where() == "--set " + whole);
    CHECK(error.message() == "`" + std::string(path) + "` is not a path of keys");
    CHECK(error.hint() == form);
  }
  for (const char* value :
       {"[1", "{a: 1", "\"x", "*x", "&x 1", "!t 1", "a\n---\nb", "[1] 2", "{a: 1, a: 2}", "<<: 1", "@x", "\xff"}) {
    CAPTURE(value);
    const std::string whole = std::string("a=") + value;
    const Error error = error_of([&] { parse(text, {whole}); });
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(error.where() == "--set " + whole);
    CHECK_FALSE(error.hint().empty());
  }
}

TEST_CASE("keys of overrides are held to the rules of keys in files") {
  check_usage("a.\xff=1", "an override that is not UTF-8", "type it in UTF-8");
  CHECK_THROWS_AS(parse(text, {std::string(257, 'k') + "=1"}), Error);
}

TEST_CASE("paths that lead nowhere") {
  check_usage("paths.2.length=1", "`paths` has no item 2", "it has 2 items, counted from 0: write an index up to 1");
  check_usage("paths[99999999999999999999]=1", "`paths` has no item 99999999999999999999",
              "it has 2 items, counted from 0: write an index up to 1");
  check_usage("empty.0=1", "`empty` has no item 0", "the list is empty: set it as a whole, as in key=[a, b]");
  check_usage("paths.first=1", "`paths` is a list, and `first` is not an index", form);
  check_usage("a.c.d=1", "`a.c` is a single value, so there is no `d` in it",
              "check the path against the config: --dry-run prints it");
  check_usage("a[0]=1", "`a` is a mapping, not a list", form);
  check_usage("extends=b.yaml", "`extends` can only be said in a file",
              "write a file that extends both, or use more --set");
}

TEST_CASE("a wrong value from an override has the override as its place") {
  check_error([] { parse(text, {"a.b=x"}).root().at("a").get_int("b"); }, "--set a.b=x",
              "`a.b` is `x`, not a whole number", "write a whole number, for example 4");
  check_error([] { parse(text, {"a={b: [1, q]}"}).root().at("a").get_ints("b", {}); }, "--set a={b: [1, q]}",
              "`a.b[1]` is `q`, not a whole number", "write a whole number, for example 4");
}

TEST_CASE("an index above an absent key is an error, a numeric name is a key") {
  CHECK_THROWS_AS(parse("{}", {"a[0]=1"}), Error);
  CHECK(parse("{}", {"a.0=1"}).root().at("a").get_int("0") == 1);
}
