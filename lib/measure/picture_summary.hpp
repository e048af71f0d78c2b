// The summary's figures of paths that make pictures. Private to the measure room.
#pragma once

#include <optional>

#include "image/frechet.hpp"
#include "measure/score_summary.hpp"
#include "measure/summary.hpp"

namespace dynexec {

// Steps and evaluations, likeness to a reference picture, and how well attributes were met.
void fill_picture_scores(const PathRows& path, Resamplers& resamplers, SummaryRow& row);
// Of a path that is not the baseline, after fill_costs.
void fill_picture_deltas(const PathRows& baseline, const PathRows& path, Resamplers& resamplers, SummaryRow& row);

// Fréchet distances between the features of paths' outputs and the task's reference features.
class FrechetSummary {
 public:
  // baseline and options must outlive it. Throws Error(data) for reference features that are not finite.
  FrechetSummary(const SummaryFacts& facts, const PathRows& baseline, const BenchOptions& options);

  // Over the samples that the path and the baseline share, since distances depend on the count. Everything stays
  // missing where the task has no reference, either set is below kMinFrechetSamples or a feature is not finite.
  void fill(const PathRows& path, SummaryRow& row) const;

 private:
  const PathRows& baseline_;
  const BenchOptions& options_;
  std::optional<FrechetReference> reference_;
};

}  // namespace dynexec
