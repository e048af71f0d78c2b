#include "measure/resume.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace dynexec {

void DoneSet::add(const SampleRow& row) {
  if (!keys_.emplace(row.sample, row.repetition, row.path).second) return;
  if (!std::isnan(row.latency_ms)) measured_ms_ += row.latency_ms;
}

bool DoneSet::contains(std::int64_t sample, std::int64_t repetition, const std::string& path) const {
  return keys_.count({sample, repetition, path}) > 0;
}

std::vector<SampleRow> keep_complete_blocks(std::span<const SampleRow> rows, std::span<const std::string> paths,
                                            std::int64_t task_size, std::int64_t batch_size) {
  const auto wanted = [&](const SampleRow& row) {
    return row.sample >= 0 && row.sample < task_size && std::count(paths.begin(), paths.end(), row.path) > 0;
  };
  const auto block_of = [&](const SampleRow& row) { return std::pair(row.repetition, row.sample / batch_size); };
  DoneSet seen;
  std::vector<const SampleRow*> candidates;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> sizes;
  for (const SampleRow& row : rows) {
    if (!wanted(row) || seen.contains(row.sample, row.repetition, row.path)) continue;
    seen.add(row);
    candidates.push_back(&row);
    ++sizes[block_of(row)];
  }
  std::vector<SampleRow> kept;
  for (const SampleRow* row : candidates) {
    const auto block = block_of(*row);
    const std::int64_t in_block = std::min(batch_size, task_size - block.second * batch_size);
    if (sizes[block] == in_block * static_cast<std::int64_t>(paths.size())) kept.push_back(*row);
  }
  return kept;
}

}  // namespace dynexec
