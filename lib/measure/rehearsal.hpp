// Rows without times: what paths answer and count, from what they remember of the samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "measure/options.hpp"
#include "measure/rows.hpp"

namespace dynexec {

struct RehearsalRequest {
  std::string config;  // the rows' config column
  int threads = 1;
  std::function<void(std::int64_t done, std::int64_t total)> progress;  // after every sample; may throw
};

// One row for each of the paths at `places` and each sample of the task, as bench would write it in its first
// repetition, with neither times nor energy. Prepares the paths. A sample that fails in a path gives a row with the
// error's text. nullopt, before anything is done: a path has to run to know its answers (Path::rehearses).
std::optional<std::vector<SampleRow>> rehearse_paths(Experiment& experiment, std::span<const std::size_t> places,
                                                     const BenchOptions& options, const RehearsalRequest& request);

}  // namespace dynexec
