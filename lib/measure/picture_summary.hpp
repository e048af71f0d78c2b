// The summary's figures of paths that make pictures. Private to the measure room.
#pragma once

#include <optional>
#include <span>

#include "image/frechet_bootstrap.hpp"
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
  // reference_features: vectors as wide as those of the rows of `any`, one after the other, or nothing. Throws
  // Error(data) for values that are not finite.
  FrechetSummary(std::span<const float> reference_features, const PathRows& any,
                 const FrechetBootstrapOptions& options);

  struct Figures {
    Interval distance, difference;  // of the path; less the other's
  };
  // Over the samples that both share, since distances depend on the count. Everything stays missing where there is no
  // reference, either set is below kMinFrechetSamples or a feature is not finite.
  Figures compare(const PathRows& path, const PathRows& other) const;

 private:
  FrechetBootstrapOptions options_;
  std::optional<FrechetReference> reference_;
};

}  // namespace dynexec
