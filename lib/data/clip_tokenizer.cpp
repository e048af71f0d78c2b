#include "data/clip_tokenizer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "data/text_file.hpp"
#include "data/tokenizer_folder.hpp"
#include "weights/json_reader.hpp"

namespace dynexec {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;
constexpr const char* kBegin = "<|startoftext|>";
constexpr const char* kEnd = "<|endoftext|>";
// Contractions, letters, single digits, runs of other marks; the special tokens stay whole.
constexpr const char* kWords =
    R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";

json read_vocabulary(const std::filesystem::path& path) {
  json vocab = read_json_object(path, kMaxFileBytes);
  for (const char* token : {kBegin, kEnd})
    if (!vocab.contains(token))
      throw Error(ErrorKind::model, fmt::format("the vocabulary has no token '{}'", token), path.string(),
                  "a CLIP tokenizer has one; save other tokenizers with transformers to get tokenizer.json");
  return vocab;
}

json read_merges(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, kMaxFileBytes);
  json merges = json::array();
  for (const std::string_view line : split_text_lines(text))
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(line);
  return merges;
}

json special_token(const json& vocab, const char* token) {
  return {{"id", vocab[token]}, {"content", token}, {"special", true}, {"normalized", false}};
}

}  // namespace

std::shared_ptr<const Tokenizer> load_clip_tokenizer(const std::filesystem::path& folder) {
  json vocab = read_vocabulary(folder / "vocab.json");
  json document{
      {"added_tokens", {special_token(vocab, kBegin), special_token(vocab, kEnd)}},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "NFC"}},
          {{"type", "Replace"}, {"pattern", {{"Regex", R"(\s+)"}}}, {"content", " "}},
          {{"type", "Lowercase"}}}}}},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", kWords}}}, {"behavior", "Removed"}, {"invert", true}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}}},
      {"post_processor",
       {{"type", "RobertaProcessing"},
        {"cls", json::array({kBegin, vocab[kBegin]})},
        {"sep", json::array({kEnd, vocab[kEnd]})}}},
      {"decoder", {{"type", "ByteLevel"}}},
  };
  document["model"] = {{"type", "BPE"},
                       {"vocab", std::move(vocab)},
                       {"merges", read_merges(folder / "merges.txt")},
                       {"unk_token", kEnd},
                       {"end_of_word_suffix", "</w>"}};
  apply_tokenizer_config(folder, document);
  return Tokenizer::parse(document, folder.string());
}

}  // namespace dynexec
