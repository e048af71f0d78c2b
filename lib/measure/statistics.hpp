// Summary figures and tests. Missing values (NaN) must be removed by the caller; every function says what it
// returns for too little data.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "measure/rows.hpp"

namespace dynexec {

// kMissing for an empty input.
double mean_of(std::span<const double> values);
double median_of(std::span<const double> values);

// Linear interpolation between order statistics (Hyndman and Fan's type 7, NumPy's default); p in [0, 1].
double quantile_of(std::span<const double> values, double p);

// The smallest number of samples from which a percentile p in (0, 1) is reported: 10 / (1 - p), so that at
// least ten samples lie beyond it.
std::int64_t samples_for_percentile(double p);

// Quantile p with a distribution-free interval from order statistics (binomial ranks, at least `confidence`
// of coverage). Everything is missing below samples_for_percentile(p), the interval also where n has no such
// ranks. The median (p = 0.5) is given from one sample on: it is a location, not a statement on a tail.
Interval percentile_with_interval(std::span<const double> values, double p, double confidence);

// Standard normal distribution function and its inverse (Wichura's AS 241, about 1e-16 relative).
double normal_cdf(double x);
double normal_quantile(double p);

// Wilson's score interval of a proportion (Wilson 1927, without continuity correction). trials = 0: all
// missing.
Interval wilson_interval(std::int64_t successes, std::int64_t trials, double confidence);

// Agresti and Min's adjusted interval (2005) of the difference of paired proportions, from the discordant
// counts: 1/2 is added to each of the four cells, so that it has a width also where no pair differs. value is
// the raw difference.
Interval paired_proportion_interval(std::int64_t gained, std::int64_t lost, std::int64_t pairs, double confidence);

struct MannWhitney {
  double u = kMissing;  // of the first sample
  double p = kMissing;  // two-sided
  bool exact = false;
};
// Exact where the smaller sample has at most 8 values and nothing is tied, else the normal approximation with
// corrections for ties and continuity (SciPy's method="auto"). Missing when a sample is empty.
MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second);

// Is the path's quality at most `margin` worse than the baseline's? "non-inferior" when the whole interval of
// (path - baseline) is on the good side of the margin, "inferior" when it is wholly beyond, else "undecided";
// "" for a missing interval. margin >= 0 in units of the metric.
std::string quality_verdict(const Interval& delta, double margin, bool higher_is_better);

}  // namespace dynexec
