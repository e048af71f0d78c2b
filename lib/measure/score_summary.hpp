// Intervals of mean scores and of their paired differences. Private to the measure room.
#pragma once

#include <cstddef>
#include <map>
#include <span>

#include "measure/options.hpp"
#include "measure/path_rows.hpp"

namespace dynexec {

// One Bootstrap a sample count: its indices serve every figure, and equal counts are resampled alike.
class Resamplers {
 public:
  explicit Resamplers(const BenchOptions& options) : options_(options.bootstrap()) {}
  const BootstrapOptions& options() const { return options_; }
  const Bootstrap& of(std::size_t samples) { return cache_.try_emplace(samples, samples, options_).first->second; }
  Interval mean(std::span<const double> values) { return values.empty() ? Interval{} : of(values.size()).mean(values); }

 private:
  BootstrapOptions options_;
  std::map<std::size_t, Bootstrap> cache_;
};

// One value a sample: Wilson's interval where all are 0 or 1, else a bootstrap. Missing without values.
Interval mean_score(std::span<const double> values, Resamplers& resamplers);

// The path's scores minus the baseline's. same_output: the outputs themselves are known to be equal. Missing without
// pairs.
Interval score_delta(const Paired& scores, bool same_output, Resamplers& resamplers);

}  // namespace dynexec
