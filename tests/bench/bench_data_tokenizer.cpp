// Encoding and decoding speed of tokenizers that are built here: natural-looking text, one huge word, many
// spaces.
#include <benchmark/benchmark.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "data/bpe_bytes.hpp"
#include "data/tokenizer.hpp"

namespace {

using namespace dynexec;
using nlohmann::json;

// Words of one to eleven letters with the frequencies of natural text (rank to the power -1), with
// punctuation.
std::string english_like(std::size_t bytes) {
  RandomStream stream(1, 0, 0, 0);
  std::vector<std::string> words(20'000);
  for (std::string& word : words) {
    const std::size_t length = 1 + stream.below(6) + stream.below(6);
    for (std::size_t i = 0; i < length; ++i) word += "etaoinshrdlucmfwypvbgkjqxz"[stream.below(5 + stream.below(22))];
  }
  std::string text;
  while (text.size() < bytes) {
    const double rank = std::pow(static_cast<double>(words.size()), stream.uniform());
    text += words[static_cast<std::size_t>(rank) - 1];
    const std::uint64_t mark = stream.below(20);
    text += mark == 0 ? ". " : mark == 1 ? ", " : mark == 2 ? "\n" : " ";
  }
  return text;
}

// A byte-level vocabulary whose merges are the most frequent pairs and triples of `text`.
json byte_level(const std::string& text, const json& pretokenizer) {
  json vocab = json::object();
  const auto add = [&](const std::string& token) {
    if (!vocab.contains(token)) vocab[token] = vocab.size();
  };
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    append_byte_characters(std::string(1, static_cast<char>(byte)), token);
    add(token);
  }
  json merges = json::array();
  std::map<std::string, int> pairs;
  for (std::size_t i = 0; i + 4 <= std::min<std::size_t>(text.size(), 200'000); ++i) {
    ++pairs[text.substr(i, 2)];
    ++pairs[text.substr(i, 4)];
  }
  for (const std::size_t length : {2u, 4u}) {
    for (const auto& [piece, count] : pairs) {
      if (piece.size() != length || count < 20 || piece.find(' ', 1) != std::string::npos) continue;
      std::string left, right;
      append_byte_characters(piece.substr(0, length / 2), left);
      append_byte_characters(piece.substr(length / 2), right);
      if (!vocab.contains(left) || !vocab.contains(right)) continue;
      merges.push_back({left, right});
      add(left + right);
    }
  }
  return {{"added_tokens", {{{"id", vocab.size()}, {"content", "<|endoftext|>"}, {"special", true}}}},
          {"pre_tokenizer", pretokenizer},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

const std::string& text_of(std::size_t megabytes) {
  static std::map<std::size_t, std::string> made;
  std::string& text = made[megabytes];
  if (text.empty()) text = english_like(megabytes << 20);
  return text;
}

std::shared_ptr<const Tokenizer> gpt2() {
  static const auto tokenizer = Tokenizer::parse(
      byte_level(text_of(1), {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}), "gpt2");
  return tokenizer;
}

std::shared_ptr<const Tokenizer> llama3() {
  const char* words =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const json split{{"type", "Split"}, {"pattern", {{"Regex", words}}}, {"behavior", "Isolated"}, {"invert", false}};
  const json bytes{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  static const auto tokenizer =
      Tokenizer::parse(byte_level(text_of(1), {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}}), "llama3");
  return tokenizer;
}

// The same merges without any pre-tokenizer: the whole text is one word.
std::shared_ptr<const Tokenizer> whole_text() {
  json file = byte_level(text_of(1), nullptr);
  file["normalizer"] = {{"type", "ByteLevel"}};
  static const auto tokenizer = Tokenizer::parse(file, "whole text");
  return tokenizer;
}

void encode(benchmark::State& state, const Tokenizer& tokenizer, const std::string& text) {
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text, false));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void encode_gpt2(benchmark::State& state) {
  encode(state, *gpt2(), text_of(1));
}
void encode_llama3(benchmark::State& state) {
  encode(state, *llama3(), text_of(1));
}
void encode_one_word(benchmark::State& state) {
  encode(state, *whole_text(), text_of(1));
}
void encode_letters(benchmark::State& state) {
  encode(state, *gpt2(), std::string(1 << 20, 'a'));
}
void encode_spaces(benchmark::State& state) {
  encode(state, *llama3(), std::string(1 << 20, ' ') + "x");
}
void encode_line(benchmark::State& state) {
  encode(state, *gpt2(), text_of(1).substr(0, 80));
}

void decode_gpt2(benchmark::State& state) {
  const std::vector<std::int32_t> ids = gpt2()->encode(text_of(1), false);
  for (auto _ : state) benchmark::DoNotOptimize(gpt2()->decode(ids, false));
  state.SetBytesProcessed(static_cast<std::int64_t>(text_of(1).size()) * state.iterations());
}

BENCHMARK(encode_gpt2)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_llama3)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_one_word)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_letters)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_spaces)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_line);
BENCHMARK(decode_gpt2)->Unit(benchmark::kMillisecond);

}  // namespace
