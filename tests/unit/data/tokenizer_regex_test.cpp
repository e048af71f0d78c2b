#include "data/tokenizer_regex.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "tests/unit/data/tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;

namespace {

std::vector<std::string> matches(const std::string& pattern, const std::string& text) {
  std::vector<TextRange> ranges;
  Regex(pattern, "t.json").find_all(text, ranges);
  std::vector<std::string> found;
  for (const TextRange& range : ranges) found.push_back(text.substr(range.begin, range.end - range.begin));
  return found;
}

using Found = std::vector<std::string>;

std::string refused(const std::string& pattern) {
  try {
    Regex(pattern, "t.json");
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return error.message();
  }
}

}  // namespace

TEST_CASE("the dialect keeps its meaning") {
  CHECK(matches(R"(\s+)", "a \u0085\u180e\u2003b") == Found{" \u0085", "\u2003"});  // U+180E is no blank any more
  CHECK(matches(R"(\d+)", "a12\u0663\u00b2") == Found{"12\u0663"});
  CHECK(matches(R"(\w+)", "a\u0301_1\u203f-\u00bc") == Found{"a\u0301_1\u203f", "\u00bc"});
  CHECK(matches(R"([^\w]+)", "a-+b") == Found{"-+"});
  CHECK(matches(R"(\h+)", "xBEEf g") == Found{"BEEf"});
  CHECK(matches(R"(\v)", "\n\x0b") == Found{"\x0b"});
  CHECK(matches("(?i:'s)", "'S's'\u017f") == Found{"'S", "'s", "'\u017f"});
  CHECK(matches(R"(\p{Han}+)", "a漢字ー") == Found{"漢字"});
  CHECK(matches(R"(\p{^L}+)", "a1-b") == Found{"1-"});
  CHECK(matches(R"([[:alpha:]]+)", "aé1") == Found{"aé"});
  CHECK(matches("a.c", "a\nc abc") == Found{"abc"});
  CHECK(matches("(?m:a.c)", "a\nc abc") == Found{"a\nc", "abc"});
  CHECK(matches("^b$", "a\nb\nc") == Found{"b"});
  CHECK(matches(R"(\u00e9\x{1F642}\x41)", "é🙂A") == Found{"é🙂A"});
}

TEST_CASE("quantifiers behind an interval") {
  CHECK(matches("a{2}+", "aaaaa") == Found{"aaaa"});  // (?:a{2})+, not possessive
  CHECK(matches("a{1,2}+a", "aaa") == Found{"aaa"});
  CHECK(matches("xa{2}?", "xaax") == Found{"xaa", "x"});  // (?:a{2})?, not lazy
  CHECK(matches("a{,2}b", "aaab") == Found{"aab"});
  CHECK(matches("a{x}", "a{x}") == Found{"a{x}"});
  CHECK(matches("(ab){2}+", "ababababab") == Found{"abababab"});
  CHECK(matches("[a-c]{2}+", "abcab") == Found{"abca"});
}

TEST_CASE("an isolated option covers the rest of its group") {
  CHECK(matches("x(?i)a|b", "xA xB b") == Found{"xA", "xB"});
  CHECK(matches("(?i)a|b", "A B") == Found{"A", "B"});
  CHECK(matches("(?:(?i)a|b)c", "Ac Bc BC") == Found{"Ac", "Bc"});
}

TEST_CASE("empty matches move on") {
  CHECK(matches("x*", "axb") == Found{"", "x", ""});
  CHECK(matches("", "é") == Found{"", ""});
}

TEST_CASE("matches far into a text are found, with what precedes them in sight") {
  std::string text(100'000, 'a');
  for (std::size_t at = 1000; at < text.size(); at += 1000) text[at] = 'b';
  CHECK(matches("b", text).size() == 99);
  CHECK(matches("(?<=b)a", text).size() == 99);
  std::string wide;
  for (int i = 0; i < 10'000; ++i) wide += "日";
  CHECK(matches("本", wide + "本") == Found{"本"});
}

TEST_CASE("what would change its meaning is refused by name") {
  for (const char* pattern :
       {"[a&&b]",          "[a[bc]]", R"(\k<a>)", R"(\Qa\E)", "(?{x})",   "(*FAIL)", R"([\W])", R"(\p{Word})",
        R"(\p{Nonsense})", "(?s)a",   "(",        ")",        "[a",       "*a",      "a**",     R"(\)",
        R"(\x{110000})",   R"(\xff)", R"(\pL)",   R"(\C)",    "(?<=a+)b", "(?x) a"}) {
    CHECK_MESSAGE(!refused(pattern).empty(), pattern);
  }
  CHECK(mentions(refused("[a&&b]"), "an intersection of classes"));
  CHECK(!refused(std::string(20'000, 'a')).empty());
  CHECK(!refused("((((a{1000}){1000}){1000}){1000})").empty());
  CHECK(!refused("a\xff").empty());
  CHECK(!refused(std::string(5'000, '(') + std::string(5'000, ')')).empty());
}

TEST_CASE("catastrophic backtracking ends with an error") {
  std::vector<TextRange> ranges;
  const std::string text = std::string(3000, 'a') + "bc";
  CHECK_THROWS_WITH_AS(Regex("(a|aa)+$", "t.json").find_all(text, ranges), doctest::Contains("cannot be applied"),
                       Error);
  CHECK_THROWS_AS(Regex("(?:(?:a|a)*)*c", "t.json").find_all(text, ranges), Error);
}

TEST_CASE("long runs need no more than their length") {
  const std::string words = R"([^\r\n\p{L}\p{N}]?\p{L}+|\s*[\r\n]+|\s+(?!\S)|\s+)";
  CHECK(matches(words, std::string(1 << 20, 'a')).size() == 1);
  CHECK(matches(words, std::string(1 << 20, ' ') + "x").size() == 2);
  CHECK(matches(words, std::string(1 << 20, '\n')).size() == 1);
}
