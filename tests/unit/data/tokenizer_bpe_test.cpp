#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <thread>

#include "base/random.hpp"
#include "data/bpe_merges.hpp"
#include "tests/unit/data/tokenizer_make.hpp"

using namespace dynexec;
using namespace dynexec::test;

TEST_CASE("byte-level BPE encodes and decodes any text") {
  const auto tokenizer = make(byte_level_file());
  CHECK(tokenizer->encode("hello world", false) == Ids{258, 'o', 259, 'o', 'r', 'l', 'd'});
  CHECK(tokenizer->decode(Ids{258, 'o', 259, 'o'}, false) == "hello wo");
  CHECK(tokenizer->vocab_size() == 260);
  CHECK(tokenizer->token_id("hell") == 258);
  CHECK(tokenizer->token_id("hello") == -1);
  for (const std::string text : {"", " ", "\n\n", "é\u4f60🙂", "a\0b"}) {
    CHECK(tokenizer->decode(tokenizer->encode(text, false), false) == text);
  }
  const std::string nul("a\0b", 3);
  CHECK(tokenizer->encode(nul, false) == Ids{'a', 0, 'b'});
}

TEST_CASE("invalid UTF-8 becomes U+FFFD, one for each maximal part") {
  const auto tokenizer = make(byte_level_file());
  const auto repaired = [&](const std::string& text) {
    return tokenizer->decode(tokenizer->encode(text, false), false);
  };
  CHECK(repaired("a\xff"
                 "b") == "a\ufffdb");
  CHECK(repaired("\xe2\x82") == "\ufffd");  // cut off
  CHECK(repaired("\xe2\x82x") == "\ufffdx");
  CHECK(repaired("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");  // a surrogate
  CHECK(repaired("\xf0\x9f\x99") == "\ufffd");
  CHECK(repaired("\xc0\x80") == "\ufffd\ufffd");  // overlong
  CHECK(repaired("\xf4\x90\x80\x80") == "\ufffd\ufffd\ufffd\ufffd");
  CHECK(repaired("\x80\x80") == "\ufffd\ufffd");
}

TEST_CASE("ids that cut a character decode to U+FFFD, unknown ids are refused") {
  const auto tokenizer = make(byte_level_file());
  CHECK(tokenizer->decode(Ids{0xe2, 0x82, 'x'}, false) == "\ufffdx");
  for (const std::int32_t id : {-1, 260, 1 << 30}) {
    CHECK_THROWS_WITH_AS(tokenizer->decode(Ids{id}, false), doctest::Contains("no token has the id"), Error);
  }
}

TEST_CASE("merges follow rank, then position") {
  json file{{"model", bpe({"a", "b", "c", "ab", "bc", "abc"}, {"b c", "a b", "a bc"})}};
  CHECK(make(file)->encode("abc", false) == Ids{5});
  file["model"]["merges"] = {"a b", "b c", "a bc"};
  CHECK(make(file)->encode("abc", false) == Ids{3, 2});
  json letters{{"model", bpe({"a", "aa"}, {"a a"})}};
  CHECK(make(letters)->encode("aaaaa", false) == Ids{1, 1, 0});
  letters["model"]["merges"] = json::array({json::array({"a", "a"})});
  CHECK(make(letters)->encode("aaa", false) == Ids{1, 0});
}

TEST_CASE("the queue merges as the definition does") {
  // The definition: again and again the leftmost pair of the lowest rank. Each pair has its own merged token
  // here.
  RandomStream stream(7, 0, 0, 0);
  for (int round = 0; round < 300; ++round) {
    MergeTable table(200);
    std::map<std::pair<std::int32_t, std::int32_t>, std::pair<std::uint32_t, std::int32_t>> merges;
    std::int32_t tokens = 3;
    for (std::uint32_t rank = 0; rank < 40; ++rank) {
      const auto left = static_cast<std::int32_t>(stream.below(static_cast<std::uint64_t>(tokens)));
      const auto right = static_cast<std::int32_t>(stream.below(static_cast<std::uint64_t>(tokens)));
      if (!merges.try_emplace({left, right}, rank, tokens).second) continue;
      table.insert(left, right, rank, tokens++);
    }
    Ids word;
    WordMerger merger;
    for (std::uint64_t i = stream.below(60) + 1; i > 0; --i) {
      word.push_back(static_cast<std::int32_t>(stream.below(3)));
      merger.add(word.back());
    }
    for (;;) {
      std::size_t best = word.size();
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        const auto found = merges.find({word[i], word[i + 1]});
        if (found == merges.end()) continue;
        if (best == word.size() || found->second.first < merges.at({word[best], word[best + 1]}).first) best = i;
      }
      if (best == word.size()) break;
      word[best] = merges.at({word[best], word[best + 1]}).second;
      word.erase(word.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    merger.merge(table);
    Ids found;
    merger.append_to(found);
    REQUIRE(found == word);
  }
}

TEST_CASE("a word of a megabyte takes time in proportion") {
  const json file{{"model", bpe({"a", "aa", "aaaa", "b"}, {"a a", "aa aa"})}};
  const auto start = std::chrono::steady_clock::now();
  CHECK(make(file)->encode(std::string(1 << 20, 'a'), false).size() == 1 << 18);
  // Quadratic merging would take hours; a sanitised build on a busy machine needs seconds.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("characters outside the vocabulary: bytes, the unknown token, or nothing") {
  std::vector<std::string> tokens{"<unk>", "a"};
  json file{{"model", bpe(tokens, json::array())}};
  CHECK(make(file)->encode("aéa", false) == Ids{1, 1});
  file["model"]["unk_token"] = "<unk>";
  CHECK(make(file)->encode("éöaé", false) == Ids{0, 0, 1, 0});
  file["model"]["fuse_unk"] = true;
  CHECK(make(file)->encode("éöaé", false) == Ids{0, 1, 0});
  for (const char* byte : {"<0xC3>", "<0xA9>"}) file["model"]["vocab"][byte] = file["model"]["vocab"].size();
  file["model"]["byte_fallback"] = true;
  CHECK(make(file)->encode("éaö", false) == Ids{2, 3, 1, 0});
  file["model"]["unk_token"] = "gone";
  CHECK_THROWS_WITH_AS(make(file)->encode("ö", false), doctest::Contains("gone"), Error);
}

TEST_CASE("ignore_merges takes a whole word that is in the vocabulary") {
  json file{{"model", bpe({"a", "b", "ab", "bab"}, {"a b"})}};
  CHECK(make(file)->encode("bab", false) == Ids{1, 2});
  file["model"]["ignore_merges"] = true;
  CHECK(make(file)->encode("bab", false) == Ids{3});
}

TEST_CASE("affixes mark the inner symbols and the last one") {
  json file{{"model", bpe({"a", "##b", "##c", "ab", "##bc"}, {"a ##b", "##b ##c"})}};
  file["model"]["continuing_subword_prefix"] = "##";
  CHECK(make(file)->encode("abc", false) == Ids{3, 2});
  file["model"] = bpe({"a", "b</w>", "ab</w>"}, {"a b</w>"});
  file["model"]["end_of_word_suffix"] = "</w>";
  CHECK(make(file)->encode("ab", false) == Ids{2});
}

TEST_CASE("several threads may encode at once") {
  const auto tokenizer = make(byte_level_file());
  const Ids wanted = tokenizer->encode("hello world hello", false);
  std::vector<std::thread> threads;
  std::array<int, 4> wrong{};
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += tokenizer->encode("hello world hello", false) != wanted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0);
}

TEST_CASE("a model that makes no sense is refused by name") {
  const auto with = [](const char* key, const json& value) {
    json file = byte_level_file();
    file["model"][key] = value;
    return refusal(file);
  };
  CHECK(mentions(with("type", "Unigram"), "model Unigram is not supported"));
  CHECK(mentions(with("dropout", 0.1), "dropout"));
  CHECK(with("dropout", nullptr) == "");
  CHECK(with("dropout", 0) == "");
  CHECK(mentions(with("merges", {"h"}), "merge 0 is not a pair"));
  CHECK(mentions(with("merges", {"h e x"}), "merge 0 is not a pair"));
  CHECK(mentions(with("merges", json::array({json::array({"h"})})), "merge 0 is not a pair"));
  CHECK(mentions(with("merges", {"h e", "x yz"}), "needs the token 'yz'"));
  CHECK(mentions(with("merges", {"h l"}), "needs the token 'hl'"));
  CHECK(mentions(with("merges", 7), "not a list"));
  CHECK(mentions(with("vocab", {{"a", -1}}), "id"));
  CHECK(mentions(with("vocab", {{"a", 1.5}}), "id"));
  CHECK(mentions(with("vocab", {{"a", 1u << 30}}), "id"));
  CHECK(mentions(with("vocab", {{"a", 1}, {"b", 1}}), "both"));
  CHECK(mentions(with("vocab", json::array()), "not an object"));
  CHECK(mentions(with("byte_fallback", "yes"), "byte_fallback"));
}
