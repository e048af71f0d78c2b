#include "data/clip_tokenizer.hpp"

#include <doctest/doctest.h>

#include "tests/unit/base/temp_folder.hpp"
#include "tests/unit/data/tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;
using dynexec_test::TempFolder;
using dynexec_test::write_text;

namespace {

// The letters, digits and marks of the texts below inside and at the end of a word, three merges, the special tokens.
json clip_vocabulary() {
  std::vector<std::string> tokens;
  for (const char* end : {"", "</w>"})
    for (const char c : std::string("abcst12!'<|>")) tokens.push_back(c + std::string(end));
  for (const char* token : {"ca", "cat</w>", "'s</w>", "<|startoftext|>", "<|endoftext|>"}) tokens.emplace_back(token);
  return vocabulary(tokens);
}

void write_files(const TempFolder& folder, const json& vocab) {
  write_text(folder.file("vocab.json"), vocab.dump());
  write_text(folder.file("merges.txt"), "#version: 0.2\nc a\nca t</w>\n' s</w>\n");
}

}  // namespace

TEST_CASE("CLIP's tokenizer from a vocabulary and merges") {
  const TempFolder folder;
  const json vocab = clip_vocabulary();
  write_files(folder, vocab);
  const auto tokenizer = load_clip_tokenizer(folder.path());
  const auto ids = [&](const std::vector<std::string>& tokens) {
    Ids result;
    for (const std::string& token : tokens) result.push_back(vocab.at(token));
    return result;
  };
  const std::string begin = "<|startoftext|>", end = "<|endoftext|>";
  CHECK(tokenizer->encode("", true) == ids({begin, end}));
  CHECK(tokenizer->encode(" A  CAT's\tcats", true) ==
        ids({begin, "a</w>", "cat</w>", "'s</w>", "ca", "t", "s</w>", end}));
  // Digits stand alone, marks run together, what the vocabulary lacks is the unknown token.
  CHECK(tokenizer->encode("12!!cat", false) == ids({"1</w>", "2</w>", "!", "!</w>", "cat</w>"}));
  CHECK(tokenizer->encode("az", false) == ids({"a", end}));
  CHECK(tokenizer->encode("cat<|endoftext|>a", false) == ids({"cat</w>", end, "a</w>"}));
  // A token that the configuration names as special is never part of a word.
  write_text(folder.file("special_tokens_map.json"), R"({"pad_token": "!"})");
  CHECK(load_clip_tokenizer(folder.path())->encode("cat!", false) == ids({"cat</w>", "!"}));
}

TEST_CASE("files that are no CLIP tokenizer") {
  const TempFolder folder;
  json vocab = clip_vocabulary();
  vocab.erase("<|endoftext|>");
  write_files(folder, vocab);
  CHECK_THROWS_WITH_AS(load_clip_tokenizer(folder.path()),
                       doctest::Contains("the vocabulary has no token '<|endoftext|>'"), Error);
  write_text(folder.file("vocab.json"), "[]");
  CHECK_THROWS_AS(load_clip_tokenizer(folder.path()), Error);
}
