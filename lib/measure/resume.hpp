// Which rows a resumed run need not measure again.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "measure/rows.hpp"

namespace dynexec {

// Keys of measured rows, and the time that they took. Failed rows count as measured.
class DoneSet {
 public:
  void add(const SampleRow& row);
  bool contains(std::int64_t sample, std::int64_t repetition, const std::string& path) const;
  double measured_ms() const { return measured_ms_; }
  std::size_t size() const { return keys_.size(); }

 private:
  std::set<std::tuple<std::int64_t, std::int64_t, std::string>> keys_;
  double measured_ms_ = 0;
};

// A block is one sample (or one batch of consecutive samples) and one repetition over all paths. It is
// measured and written whole, since a comparison of rows from two sessions is not paired. Of the rows of an
// interrupted run this keeps those of complete blocks, once each and in their order; the caller rewrites its
// file from the result and fills a DoneSet from it. Rows of paths that are not in `paths` are dropped.
std::vector<SampleRow> keep_complete_blocks(std::span<const SampleRow> rows, std::span<const std::string> paths,
                                            std::int64_t task_size, std::int64_t batch_size);

}  // namespace dynexec
