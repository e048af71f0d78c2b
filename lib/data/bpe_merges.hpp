// The merge rules of a BPE model and the merging of one word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dynexec {

// (left id, right id) -> (rank, id of the merged token): open addressing, linear probing.
class MergeTable {
 public:
  struct Entry {
    std::uint64_t pair = kEmpty;
    std::uint32_t rank = 0;
    std::int32_t merged = 0;
  };

  explicit MergeTable(std::size_t expected = 0);
  // A pair that is there already gets the new rank.
  void insert(std::int32_t left, std::int32_t right, std::uint32_t rank, std::int32_t merged);

  const Entry* find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t pair = key(left, right);
    for (std::size_t slot = slot_of(pair);; slot = (slot + 1) & mask_) {
      if (entries_[slot].pair == pair) return &entries_[slot];
      if (entries_[slot].pair == kEmpty) return nullptr;
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t slot_of(std::uint64_t pair) const {
    return static_cast<std::size_t>((pair * 0x9e3779b97f4a7c15ull) >> 32) & mask_;
  }
  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
};

// Merges the symbols of one word, lowest rank first and leftmost among equals, in O(n log n) with a priority
// queue. Reusable, so that its buffers are allocated once.
class WordMerger {
 public:
  void clear() { symbols_.clear(); }
  void add(std::int32_t id);
  void merge(const MergeTable& table);
  void append_to(std::vector<std::int32_t>& ids) const;

 private:
  struct Symbol {
    std::int32_t id;  // kGone once it has become part of the symbol on its left
    std::int32_t previous, next;
  };
  struct Candidate {
    std::uint32_t rank;
    std::int32_t position;  // of the left symbol
    std::int32_t merged;
  };
  static constexpr std::int32_t kGone = -2;

  void consider(const MergeTable& table, std::int32_t left, std::int32_t right);
  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;  // a heap
};

}  // namespace dynexec
