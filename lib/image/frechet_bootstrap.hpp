// Intervals of Fréchet distances, and of the difference of two, by resampling whole samples.
#pragma once

#include <cstdint>

#include "image/frechet.hpp"

namespace dynexec {

struct FrechetBootstrapOptions {
  std::int64_t resamples = 1000;
  double confidence = 0.95;
  std::uint64_t seed = 0;
};

// value: of the samples as they are. low and high: the percentiles of the replicates, moved by their mean's distance
// from the value. Resampled sets hold repeated samples, so their distances lie above the value by about the value's own
// bias; unmoved, the interval would often miss the value. The interval is therefore that of the distance at this sample
// count. bias: the mean of the replicates minus the value, an estimate of how much the sample count adds to the
// distance.
struct FrechetFigure {
  double value = 0, low = 0, high = 0, bias = 0;
};

struct FrechetComparison {
  FrechetFigure first, second;
  FrechetFigure difference;  // first - second; the biases of equal counts nearly cancel
};

// Sample i of both sets belongs together (the same prompt and seed): a resample draws the same samples of both. The
// reference stays as it is. What does not depend on the draw is computed once: the reference's eigenvectors, the
// samples in their basis, and, for fewer samples than features, the samples in the basis of their own span. A resample
// then costs a weighted covariance and eigenvalues without vectors. Throws Error(data) for counts or widths that
// differ, Error(config) for options out of range.
FrechetComparison compare_frechet(const FrechetReference& reference, const Features& first, const Features& second,
                                  const FrechetBootstrapOptions& options);

}  // namespace dynexec
