#include "data/bpe_merges.hpp"

#include <algorithm>
#include <bit>

namespace dynexec {

MergeTable::MergeTable(std::size_t expected) : entries_(std::bit_ceil(2 * expected + 2)), mask_(entries_.size() - 1) {}

void MergeTable::insert(std::int32_t left, std::int32_t right, std::uint32_t rank, std::int32_t merged) {
  const std::uint64_t pair = key(left, right);
  std::size_t slot = slot_of(pair);
  while (entries_[slot].pair != pair && entries_[slot].pair != kEmpty) slot = (slot + 1) & mask_;
  entries_[slot] = {pair, rank, merged};
}

void WordMerger::add(std::int32_t id) {
  const auto position = static_cast<std::int32_t>(symbols_.size());
  if (position > 0) symbols_.back().next = position;
  symbols_.push_back({id, position - 1, -1});
}

void WordMerger::consider(const MergeTable& table, std::int32_t left, std::int32_t right) {
  const MergeTable::Entry* entry =
      table.find(symbols_[static_cast<std::size_t>(left)].id, symbols_[static_cast<std::size_t>(right)].id);
  if (entry != nullptr) queue_.push_back({entry->rank, left, entry->merged});
}

void WordMerger::merge(const MergeTable& table) {
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  const auto symbol = [this](std::int32_t position) -> Symbol& { return symbols_[static_cast<std::size_t>(position)]; };
  const auto push = [&](std::int32_t left, std::int32_t right) {
    const std::size_t before = queue_.size();
    consider(table, left, right);
    if (queue_.size() != before) std::push_heap(queue_.begin(), queue_.end(), later);
  };
  queue_.clear();
  for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) {
    consider(table, static_cast<std::int32_t>(i), static_cast<std::int32_t>(i + 1));
  }
  std::make_heap(queue_.begin(), queue_.end(), later);
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), later);
    const Candidate top = queue_.back();
    queue_.pop_back();
    Symbol& left = symbol(top.position);
    if (left.id == kGone || left.next < 0) continue;
    // The pair may have changed since it was queued; it still counts when it merges into the same token.
    Symbol& right = symbol(left.next);
    const MergeTable::Entry* entry = table.find(left.id, right.id);
    if (entry == nullptr || entry->merged != top.merged) continue;
    left.id = top.merged;
    left.next = right.next;
    right.id = kGone;
    if (left.next >= 0) symbol(left.next).previous = top.position;
    if (left.previous >= 0) push(left.previous, top.position);
    if (left.next >= 0) push(top.position, left.next);
  }
}

void WordMerger::append_to(std::vector<std::int32_t>& ids) const {
  for (std::int32_t at = symbols_.empty() ? -1 : 0; at >= 0; at = symbols_[static_cast<std::size_t>(at)].next) {
    ids.push_back(symbols_[static_cast<std::size_t>(at)].id);
  }
}

}  // namespace dynexec
