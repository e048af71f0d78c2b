// Learns a byte-level BPE vocabulary from text and writes it in the tokenizer.json layout of Hugging Face.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dynexec {

inline constexpr std::int32_t kBosToken = 0, kEosToken = 1, kPadToken = 2;

// Words, single digits, runs of punctuation and blanks, each with at most one leading blank. Digits stay single so
// that arithmetic is learnt digit by digit.
extern const char* const kSplitPattern;

class BpeTrainer {
 public:
  // Counts the pieces of `text` (UTF-8). Error(data) for invalid UTF-8.
  void add(std::string_view text);
  // Merges the most frequent pair, the smallest pair of ids on ties, until `vocab_size` ids exist or no pair occurs
  // twice. Ids: <bos>, <eos>, <pad>, 256 bytes, then the merges in order. Error(config) below 259 ids.
  nlohmann::json train(std::int64_t vocab_size) const;

 private:
  std::map<std::string, std::int64_t> pieces_;
};

}  // namespace dynexec
