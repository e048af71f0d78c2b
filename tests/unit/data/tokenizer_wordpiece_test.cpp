#include <doctest/doctest.h>

#include "tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;

namespace {

json wordpiece_file(json more = json::object()) {
  json model{{"type", "WordPiece"},
             {"unk_token", "[UNK]"},
             {"continuing_subword_prefix", "##"},
             {"max_input_chars_per_word", 20},
             {"vocab", vocabulary({"[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##ab", "run", "##s", ",", "né",
                                   "ne", "##e", "中", "##é"})}};
  model.update(more);
  return {{"model", model},
          {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", {"[CLS]", 1}}, {"sep", {"[SEP]", 2}}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"added_tokens", json::array()}};
}

}  // namespace

TEST_CASE("words are cut into the longest tokens that fit, or are unknown as a whole") {
  const auto tokenizer = make(wordpiece_file());
  CHECK(tokenizer->encode("Unaffable runs, run", true) == Ids{1, 3, 4, 5, 7, 8, 9, 7, 2});
  CHECK(tokenizer->encode("unaffabl", false) == Ids{0});  // un, ##aff, ##ab and then nothing
  CHECK(tokenizer->encode("x run", false) == Ids{0, 7});
  CHECK(tokenizer->encode("", true) == Ids{1, 2});
  CHECK(tokenizer->encode(std::string("run") + std::string(18, 's'), false) == Ids{0});  // 21 characters
  CHECK(tokenizer->encode(std::string("run") + std::string(17, 's'), false).size() == 18);
}

TEST_CASE("BERT's normalizer cleans, parts ideographs, and strips accents as its switches say") {
  CHECK(make(wordpiece_file())->encode("Née\x01\trun中", false) == Ids{11, 12, 7, 13});
  json cased = wordpiece_file();
  cased["normalizer"] = {{"type", "BertNormalizer"}, {"lowercase", false}};
  CHECK(make(cased)->encode("née Née", false) == Ids{10, 12, 0});
  json accents = wordpiece_file();
  accents["normalizer"]["strip_accents"] = false;
  CHECK(make(accents)->encode("NÉE neé", false) == Ids{10, 12, 11, 14});
  json joined = wordpiece_file();
  joined["normalizer"]["handle_chinese_chars"] = false;
  CHECK(make(joined)->encode("run中", false) == Ids{0});
}

TEST_CASE("tokens become text again, without the blanks that no writer sets") {
  const auto tokenizer = make(wordpiece_file());
  CHECK(tokenizer->decode(Ids{3, 4, 5, 7, 8, 9, 7}, false) == "unaffable runs, run");
  json plain = wordpiece_file();
  plain["decoder"]["cleanup"] = false;
  CHECK(make(plain)->decode(Ids{7, 9, 7}, false) == "run , run");
}

TEST_CASE("what a WordPiece file may not say") {
  CHECK(mentions(refusal(wordpiece_file({{"max_input_chars_per_word", 5000}})), "max_input_chars_per_word"));
  json bad = wordpiece_file();
  bad["decoder"]["prefix"] = "";
  CHECK(mentions(refusal(bad), "prefix"));
  const auto without_unknown = make(wordpiece_file({{"unk_token", "<nothing>"}}));
  CHECK(without_unknown->encode("runs", false) == Ids{7, 8});
  CHECK_THROWS_AS(without_unknown->encode("x", false), Error);
}
