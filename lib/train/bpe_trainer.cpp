#include "train/bpe_trainer.hpp"

#include <algorithm>
#include <array>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>

#include "base/error.hpp"

namespace dynexec {
namespace {

using Pair = std::pair<std::int32_t, std::int32_t>;

// The printable stand-in of each byte in tokenizer.json (GPT-2's byte encoder): printable Latin-1 bytes stand for
// themselves, the others for U+0100 and up in byte order.
std::array<std::string, 256> byte_symbols() {
  std::array<std::string, 256> symbols;
  std::uint32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    const std::uint32_t point = printable ? byte : next++;
    if (point < 0x80) {
      symbols[byte] = static_cast<char>(point);
    } else {
      symbols[byte] = {static_cast<char>(0xc0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3f))};
    }
  }
  return symbols;
}

struct Word {
  std::vector<std::int32_t> ids;
  std::int64_t count;
};

void merge_pair(std::vector<std::int32_t>& ids, Pair pair, std::int32_t merged) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second) {
      ids[out++] = merged;
      ++i;
    } else {
      ids[out++] = ids[i];
    }
  }
  ids.resize(out);
}

nlohmann::json layout(const nlohmann::json& vocab, const nlohmann::json& merges) {
  nlohmann::json added = nlohmann::json::array();
  std::int32_t id = 0;
  for (const char* content : {"<bos>", "<eos>", "<pad>"}) {
    added.push_back({{"id", id++},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const nlohmann::json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const nlohmann::json split = {
      {"type", "Split"}, {"pattern", {{"Regex", kSplitPattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  const nlohmann::json bos = {{"SpecialToken", {{"id", "<bos>"}, {"type_id", 0}}}};
  const auto sequence = [](const char* name, int type) {
    return nlohmann::json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {split, byte_level}}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {bos, sequence("A", 0)}},
            {"pair", {bos, sequence("A", 0), sequence("B", 1)}},
            {"special_tokens", {{"<bos>", {{"id", "<bos>"}, {"ids", {kBosToken}}, {"tokens", {"<bos>"}}}}}}}},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

}  // namespace

const char* const kSplitPattern = R"( ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

void BpeTrainer::add(std::string_view text) {
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::unique_ptr<pcre2_code, Free> code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kSplitPattern),
                                                             PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                                                             &offset, nullptr));
  const std::unique_ptr<pcre2_match_data, Free> match(pcre2_match_data_create_from_pattern(code.get(), nullptr));
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  std::uint32_t flags = 0;
  for (std::size_t at = 0; at < text.size();) {
    const int found = pcre2_match(code.get(), subject, text.size(), at, flags, match.get(), nullptr);
    if (found < 0) {
      throw Error(ErrorKind::data, "the text is not valid UTF-8", "byte " + std::to_string(at), "convert it to UTF-8");
    }
    flags = PCRE2_NO_UTF_CHECK;  // checked as a whole by the first call
    const std::size_t end = pcre2_get_ovector_pointer(match.get())[1];
    ++pieces_[std::string(text.substr(at, end - at))];
    at = end;
  }
}

nlohmann::json BpeTrainer::train(std::int64_t vocab_size) const {
  constexpr std::int32_t kFirstByte = 3, kFirstMerge = kFirstByte + 256;
  if (vocab_size < kFirstMerge) {
    throw Error(ErrorKind::config, "a byte-level vocabulary needs at least 259 ids", "vocab_size",
                "set vocab_size to 259 or more");
  }
  const auto symbols = byte_symbols();
  std::vector<std::string> tokens{"<bos>", "<eos>", "<pad>"};
  tokens.insert(tokens.end(), symbols.begin(), symbols.end());
  std::vector<Word> words;
  for (const auto& [piece, count] : pieces_) {
    Word word{{}, count};
    for (const char c : piece) word.ids.push_back(kFirstByte + static_cast<unsigned char>(c));
    words.push_back(std::move(word));
  }
  nlohmann::json merges = nlohmann::json::array();
  while (static_cast<std::int64_t>(tokens.size()) < vocab_size) {
    std::map<Pair, std::int64_t> counts;
    for (const Word& word : words) {
      for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) counts[{word.ids[i], word.ids[i + 1]}] += word.count;
    }
    const auto best = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2) break;
    const Pair pair = best->first;
    const auto& left = tokens[static_cast<std::size_t>(pair.first)];
    const auto& right = tokens[static_cast<std::size_t>(pair.second)];
    merges.push_back({left, right});
    const auto merged = static_cast<std::int32_t>(tokens.size());
    tokens.push_back(left + right);
    for (Word& word : words) merge_pair(word.ids, pair, merged);
  }
  nlohmann::json vocab = nlohmann::json::object();
  for (std::size_t id = 0; id < tokens.size(); ++id) vocab[tokens[id]] = id;
  return layout(vocab, merges);
}

}  // namespace dynexec
