// Seeded bootstrap intervals of means and ratios of means, resampling whole samples.
//
// The unit of resampling is the sample: its repetitions are first reduced to one number. Repetitions of one
// input share its difficulty, so treating them as independent would make an interval narrower with every
// repetition although the inputs seen stay the same (Davison and Hinkley 1997, section 3.8: resample the
// highest level of a hierarchy).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "measure/rows.hpp"

namespace dynexec {

enum class IntervalMethod { bca, percentile };

struct BootstrapOptions {
  std::int64_t resamples = 2000;
  double confidence = 0.95;
  IntervalMethod method = IntervalMethod::bca;
  std::uint64_t seed = 0;
};

// Draws the resampled indices once for a sample count and applies them to any number of columns. Two
// Bootstraps with the same count and seed draw the same indices, so figures of different paths are paired.
class Bootstrap {
 public:
  // samples >= 1.
  Bootstrap(std::size_t samples, const BootstrapOptions& options);

  std::size_t samples() const { return samples_; }

  // Interval of the mean. values.size() == samples(). One sample: the value without an interval.
  Interval mean(std::span<const double> values) const;
  // Interval of sum(numerator) / sum(denominator), paired by index.
  Interval ratio(std::span<const double> numerator, std::span<const double> denominator) const;
  // Interval of the geometric mean of positive values: exp of the interval of the mean logarithm.
  Interval geometric_mean(std::span<const double> values) const;

 private:
  void for_each_resample(const std::function<void(std::size_t, std::span<const std::uint32_t>)>& use) const;
  Interval interval(double value, std::vector<double> replicates, std::span<const double> jackknife) const;

  std::size_t samples_;
  BootstrapOptions options_;
  std::vector<std::uint32_t> indices_;  // [resamples, samples]; empty when too large to keep
};

}  // namespace dynexec
