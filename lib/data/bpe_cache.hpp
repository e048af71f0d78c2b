// Ids of words met before. Natural text repeats its words, so most are found here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizer_model.hpp"

namespace dynexec {

class WordCache {
 public:
  static constexpr std::size_t kMaxWord = 64;        // bytes; longer words seldom repeat
  static constexpr std::size_t kMaxWords = 1 << 16;  // beyond it the cache starts anew

  // Whether the word is known; its ids are then appended.
  bool find(std::string_view word, std::vector<std::int32_t>& ids) const {
    const auto found = ranges_.find(word);
    if (found == ranges_.end()) return false;
    ids.insert(ids.end(), ids_.begin() + found->second.begin, ids_.begin() + found->second.end);
    return true;
  }

  void insert(std::string_view word, std::span<const std::int32_t> ids) {
    if (ranges_.size() >= kMaxWords) {
      ranges_.clear();
      ids_.clear();
    }
    const auto begin = static_cast<std::uint32_t>(ids_.size());
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    ranges_.emplace(word, Range{begin, static_cast<std::uint32_t>(ids_.size())});
  }

 private:
  struct Range {
    std::uint32_t begin, end;
  };
  std::unordered_map<std::string, Range, StringHash, std::equal_to<>> ranges_;
  std::vector<std::int32_t> ids_;
};

}  // namespace dynexec
