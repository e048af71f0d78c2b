#include <doctest/doctest.h>

#include "data/normalizer.hpp"
#include "data/pretokenizer.hpp"
#include "data/tokenizer_decoder.hpp"
#include "tests/unit/data/tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;
using Words = std::vector<std::string>;

namespace {

std::string normalized(const json& part, std::string text) {
  bool at_start = true;
  make_normalizer(TokenizerPart(part, "normalizer", "t.json"))->apply(text, at_start);
  return text;
}

Words words(const json& part, const std::string& text, bool at_start = true) {
  TextArena arena;
  std::vector<Piece> pieces;
  make_pretokenizer(TokenizerPart(part, "pre-tokenizer", "t.json"))->split({text, at_start}, arena, pieces);
  Words result;
  for (const Piece& piece : pieces) result.emplace_back(piece.text);
  return result;
}

std::string decoded(const json& part, std::vector<std::string> tokens) {
  make_token_decoder(TokenizerPart(part, "decoder", "t.json"))->apply(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

json split(const char* behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{"String", "-"}}}, {"behavior", behavior}, {"invert", invert}};
}

}  // namespace

TEST_CASE("normalizers") {
  CHECK(normalized({{"type", "Prepend"}, {"prepend", "▁"}}, "a") == "▁a");
  CHECK(normalized({{"type", "Prepend"}, {"prepend", "▁"}}, "") == "");
  CHECK(normalized({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}, " a  b") == "▁a▁▁b");
  CHECK(normalized({{"type", "Replace"}, {"pattern", {{"Regex", "a+"}}}, {"content", "x"}}, "baac") == "bxc");
  CHECK(normalized({{"type", "NFC"}}, "e\u0301 \u212b") == "\u00e9 \u00c5");
  CHECK(normalized({{"type", "NFD"}}, "\u00e9") == "e\u0301");
  CHECK(normalized({{"type", "NFKC"}}, "ﬁ①ｱ") == "fi1ア");
  CHECK(normalized({{"type", "NFKD"}}, "ﬁé") == "fie\u0301");
  CHECK(normalized({{"type", "Lowercase"}}, "ÀΣİ") == "àσi\u0307");
  CHECK(normalized({{"type", "Strip"}}, " \u3000a b\n") == "a b");
  CHECK(normalized({{"type", "Strip"}, {"strip_left", false}}, " a ") == " a");
  CHECK(normalized({{"type", "StripAccents"}}, "e\u0301") == "e");
  CHECK(normalized({{"type", "ByteLevel"}}, "a é") == "aĠÃ©");
  const json both{{{"type", "NFD"}}, {{"type", "StripAccents"}}};
  CHECK(normalized({{"type", "Sequence"}, {"normalizers", both}}, "é") == "e");
}

TEST_CASE("nested replacements cannot fill the memory") {
  json parts = json::array();
  for (int i = 0; i < 8; ++i) {
    parts.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(20'000, 'a')}});
  }
  std::string text = "a";
  bool at_start = true;
  const json sequence{{"type", "Sequence"}, {"normalizers", parts}};
  const auto bomb = make_normalizer(TokenizerPart(sequence, "normalizer", "t.json"));
  CHECK_THROWS_WITH_AS(bomb->apply(text, at_start), doctest::Contains("longer than 256 MiB"), Error);
}

TEST_CASE("split behaviours") {
  CHECK(words(split("Removed"), "-a--b") == Words{"a", "b"});
  CHECK(words(split("Isolated"), "-a--b") == Words{"-", "a", "-", "-", "b"});
  CHECK(words(split("Contiguous"), "-a--b") == Words{"-", "a", "--", "b"});
  CHECK(words(split("MergedWithPrevious"), "-a--b") == Words{"-", "a-", "-", "b"});
  CHECK(words(split("MergedWithNext"), "-a--b") == Words{"-a", "-", "-b"});
  CHECK(words(split("Removed", true), "-a--b") == Words{"-", "-", "-"});
  CHECK(words(split("Isolated"), "") == Words{});
}

TEST_CASE("pre-tokenizers") {
  const json bytes{{"type", "ByteLevel"}, {"add_prefix_space", true}};
  CHECK(words(bytes, "it's 12  b") == Words{"Ġit", "'s", "Ġ12", "Ġ", "Ġb"});
  CHECK(words({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}, "a b") == Words{"aĠb"});
  CHECK(words({{"type", "Digits"}, {"individual_digits", true}}, "a12b") == Words{"a", "1", "2", "b"});
  CHECK(words({{"type", "Digits"}}, "a12b") == Words{"a", "12", "b"});
  CHECK(words({{"type", "Punctuation"}}, "a,.b") == Words{"a", ",", ".", "b"});
  CHECK(words({{"type", "WhitespaceSplit"}}, " a,\tb\u3000") == Words{"a,", "b"});
  CHECK(words({{"type", "Whitespace"}}, "a_1 ?!é") == Words{"a_1", "?!", "é"});
  CHECK(words({{"type", "BertPreTokenizer"}}, "a, b") == Words{"a", ",", "b"});
  CHECK(words({{"type", "CharDelimiterSplit"}, {"delimiter", "x"}}, "axb") == Words{"a", "b"});
}

TEST_CASE("visible spaces") {
  const auto metaspace = [](const char* scheme, bool split = true) {
    return json{{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", split}};
  };
  CHECK(words(metaspace("always"), "a b") == Words{"▁a", "▁b"});
  CHECK(words(metaspace("always"), " a") == Words{"▁a"});
  CHECK(words(metaspace("first"), "a b", false) == Words{"a", "▁b"});
  CHECK(words(metaspace("first"), "a", true) == Words{"▁a"});
  CHECK(words(metaspace("never", false), "a b") == Words{"a▁b"});
  CHECK(words({{"type", "Metaspace"}, {"replacement", "_"}, {"add_prefix_space", false}}, "a b") == Words{"a", "_b"});
}

TEST_CASE("decoders") {
  CHECK(decoded({{"type", "ByteLevel"}}, {"Ġa", "Ã", "©", "日本"}) == " aé日本");
  CHECK(decoded({{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}}, {"▁a", "b▁"}) == " ab ");
  CHECK(decoded({{"type", "ByteFallback"}}, {"a", "<0xC3>", "<0xA9>", "b"}) == "aéb");
  CHECK(decoded({{"type", "ByteFallback"}}, {"<0xC3>", "b", "<0xZZ>"}) == "\ufffdb<0xZZ>");
  CHECK(decoded({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 2}}, {"  a   ", " "}) == " a ");
  CHECK(decoded({{"type", "Metaspace"}, {"replacement", "▁"}}, {"▁a", "▁b"}) == "a b");
  CHECK(decoded({{"type", "Metaspace"}, {"prepend_scheme", "never"}}, {"▁a", "▁b"}) == " a b");
  CHECK(decoded({{"type", "BPEDecoder"}}, {"a", "b</w>", "c</w>"}) == "ab c");
  const json parts{
      {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}};
  CHECK(decoded({{"type", "Sequence"}, {"decoders", parts}}, {"<0x20>", " a"}) == " a");
}

TEST_CASE("parts that are not supported are named") {
  const auto with = [](const char* key, const json& part) {
    json file = byte_level_file();
    file[key] = part;
    return refusal(file);
  };
  CHECK(mentions(with("normalizer", {{"type", "Precompiled"}}), "normalizer Precompiled is not supported"));
  CHECK(mentions(with("pre_tokenizer", {{"type", "UnicodeScripts"}}), "pre-tokenizer UnicodeScripts is not supported"));
  CHECK(mentions(with("decoder", {{"type", "CTC"}}), "decoder CTC is not supported"));
  CHECK(mentions(with("post_processor", {{"type", "Foo"}}), "post-processor Foo is not supported"));
  const json nested{{"type", "Sequence"}, {"pretokenizers", {{{"type", "Foo"}}}}};
  CHECK(mentions(with("pre_tokenizer", nested), "pre-tokenizer Foo is not supported"));
  CHECK(mentions(with("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "("}}}, {"behavior", "Isolated"}}),
                 "unclosed group"));
  CHECK(mentions(with("pre_tokenizer", split("Sideways")), "Sideways"));
  CHECK(mentions(with("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}}), "one character"));
  CHECK(mentions(with("pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "x"}}), "prepend_scheme"));
  CHECK(mentions(with("normalizer", {{"prepend", "x"}}), "has no 'type'"));
  CHECK(mentions(with("normalizer", {{"type", "Prepend"}}), "has no 'prepend'"));
  CHECK(mentions(with("normalizer", 7), "not an object"));
  json deep = {{"type", "NFC"}};
  for (int i = 0; i < 10; ++i) deep = {{"type", "Sequence"}, {"normalizers", {deep}}};
  CHECK(with("normalizer", deep) == "");
}
