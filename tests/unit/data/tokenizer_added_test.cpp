#include <doctest/doctest.h>

#include "tests/unit/data/tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;

namespace {

// Letters of the byte-level test tokenizer are their own ids; added tokens start at 300.
std::shared_ptr<const Tokenizer> with(const std::vector<json>& tokens, const json& normalizer = nullptr) {
  json file = byte_level_file();
  file["added_tokens"] = tokens;
  file["normalizer"] = normalizer;
  return make(file);
}

}  // namespace

TEST_CASE("added tokens are found leftmost and longest") {
  const auto tokenizer = with({added(300, "<a>"), added(301, "<a>b"), added(302, "b<")});
  CHECK(tokenizer->encode("x<a>b<a>", false) == Ids{'x', 301, 300});
  CHECK(tokenizer->encode("b<a>", false) == Ids{302, 'a', '>'});
  CHECK(tokenizer->encode("<a", false) == Ids{'<', 'a'});
  CHECK(tokenizer->decode(Ids{'x', 301, 300}, false) == "x<a>b<a>");
  CHECK(tokenizer->token_id("<a>b") == 301);
  CHECK(tokenizer->vocab_size() == 303);
}

TEST_CASE("tokens that take the blanks beside them") {
  const auto tokenizer = with({added(300, "<l>", {{"lstrip", true}}), added(301, "<r>", {{"rstrip", true}})});
  CHECK(tokenizer->encode("a \n<l> b", false) == Ids{'a', 300, ' ', 'b'});
  CHECK(tokenizer->encode("a <r>\u3000 b", false) == Ids{'a', ' ', 301, 'b'});
  CHECK(tokenizer->encode("<r> <l>", false) == Ids{301, 300});
}

TEST_CASE("single words stand alone") {
  const auto tokenizer = with({added(300, "cat", {{"single_word", true}})});
  CHECK(tokenizer->encode("cat!cat", false) == Ids{300, '!', 300});
  CHECK(tokenizer->encode("cats", false) == Ids{'c', 'a', 't', 's'});
  CHECK(tokenizer->encode("_cat", false) == Ids{'_', 'c', 'a', 't'});
  CHECK(tokenizer->encode("écat", false) == Ids{0xc3, 0xa9, 'c', 'a', 't'});
}

TEST_CASE("normalised tokens are searched in the normalised text") {
  const json lower{{"type", "Lowercase"}};
  const auto tokenizer = with({added(300, "Cat", {{"normalized", true}}), added(301, "Dog")}, lower);
  CHECK(tokenizer->encode("CAT", false) == Ids{300});
  CHECK(tokenizer->encode("Dog", false) == Ids{301});
  CHECK(tokenizer->encode("dog", false) == Ids{'d', 'o', 'g'});
  CHECK(tokenizer->decode(Ids{300, 301}, false) == "catDog");
}

TEST_CASE("special tokens can be left out of the text") {
  const auto tokenizer = with({added(300, "<s>", {{"special", true}}), added(301, "<t>")});
  CHECK(tokenizer->decode(Ids{300, 'a', 301}, true) == "a<t>");
  CHECK(tokenizer->decode(Ids{300, 'a', 301}, false) == "<s>a<t>");
}

TEST_CASE("post-processors put tokens around the text") {
  json file = byte_level_file();
  file["added_tokens"] = {added(300, "<s>", {{"special", true}}), added(301, "</s>", {{"special", true}})};
  const json table{{"<s>", {{"id", "<s>"}, {"ids", {300}}, {"tokens", {"<s>"}}}},
                   {"</s>", {{"id", "</s>"}, {"ids", {301, 301}}, {"tokens", {"</s>", "</s>"}}}}};
  const json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto special = [](const char* name) { return json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; };
  json processor{
      {"type", "TemplateProcessing"}, {"single", {special("<s>"), text, special("</s>")}}, {"special_tokens", table}};
  file["post_processor"] = processor;
  CHECK(make(file)->encode("a", true) == Ids{300, 'a', 301, 301});
  CHECK(make(file)->encode("a", false) == Ids{'a'});
  CHECK(make(file)->encode("", true) == Ids{300, 301, 301});
  file["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, processor}}};
  CHECK(make(file)->encode("a", true) == Ids{300, 'a', 301, 301});
  file["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"<s>", 300}}, {"sep", {"</s>", 301}}};
  CHECK(make(file)->encode("a", true) == Ids{300, 'a', 301});
  processor["single"] = json::array({special("<s>")});
  file["post_processor"] = processor;
  CHECK(mentions(refusal(file), "must occur once"));
  processor["single"] = {special("<gone>"), text};
  file["post_processor"] = processor;
  CHECK(mentions(refusal(file), "<gone>"));
  file["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"<s>", 999}}, {"sep", {"</s>", 301}}};
  CHECK(mentions(refusal(file), "unknown id 999"));
}

TEST_CASE("ids must agree with the vocabulary") {
  json file = byte_level_file();
  const auto refused = [&](const json& tokens) {
    file["added_tokens"] = tokens;
    return refusal(file);
  };
  CHECK(refused(json::array({added(258, "hell")})) == "");
  CHECK(mentions(refused(json::array({added(300, "hell")})), "in the vocabulary it has 258"));
  CHECK(mentions(refused(json::array({added(258, "other")})), "of the token 'hell'"));
  CHECK(mentions(refused(json::array({added(300, "x y"), added(300, "z z")})), "two added tokens have the id 300"));
  CHECK(mentions(refused(json::array({added(300, "x y"), added(301, "x y")})), "occurs twice"));
  CHECK(mentions(refused(json::array({added(300, "")})), "is empty"));
  CHECK(mentions(refused(json::array({added(-1, "x y")})), "count"));
  CHECK(mentions(refused(json::array({added(300, std::string(5000, 'x'))})), "longer"));
  CHECK(mentions(refused(json::array({7})), "object"));
  CHECK(mentions(refused(7), "not a list"));
}
