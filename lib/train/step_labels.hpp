// How many steps a text's pictures needed, from how like each other the pictures of different step counts are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dynexec {

// Pictures of one text from one noise, at the counts G_0 < ... < G_{K-1} of a grid.
struct StepCurve {
  std::vector<double> successive;    // [K - 1]: S_k, similarity of the pictures of G_k and G_{k+1}
  std::vector<double> to_reference;  // [K]: similarity to the reference, the picture of G_{K-1} unless another is drawn
  std::vector<double> shown;         // [K], or empty without a judge: share of the caption's promises that is shown
};

// Label A, as StepSaver's: the count G_k where similarity first declines, k = min {k >= 1: S_k < S_{k-1} - decline};
// the largest count where it never does.
std::int64_t first_decline(std::span<const std::int64_t> grid, const StepCurve& curve, double decline);

// Label B: the smallest count whose picture, and those of all larger counts, are so similar to the reference.
std::int64_t settled_steps(std::span<const std::int64_t> grid, const StepCurve& curve, double threshold);

// Label C (ours), for samplers whose pictures of different counts stay different: the smallest count that, like all
// larger ones, shows as much of the promises as the last one does, less `decline`. shown [K]: means over the noises.
std::int64_t sufficient_steps(std::span<const std::int64_t> grid, std::span<const double> shown, double decline);

// Labels D and E (ours), for the most quality in all at a given mean number of steps: worthwhile_steps()
// (models/step_predictor.hpp) of the means over the noises. D: of the similarity to the reference; E: of the share of
// the promises that is shown.
struct StepLabelRule {
  std::string label = "B";  // A to E
  double decline = 0.005, threshold = 0.9, price = 0.004;

  bool judged() const { return label == "C" || label == "E"; }  // what is shown counts, not what is similar
  bool priced() const { return label == "D" || label == "E"; }
};

// The mean over the noises of one text (C, D and E: of all noises), and the grid's value that is nearest to it.
struct StepLabel {
  double mean = 0;
  std::int64_t steps = 0;
  std::vector<double> quality;  // [K], similarity to the reference or share that is shown, in the mean over the noises
  // D, E: [K - 1], what going on from G_k to G_{k+1} brings: quality gained less the price of the steps.
  std::vector<double> gains;
};
StepLabel label_of(std::span<const std::int64_t> grid, std::span<const StepCurve> curves, const StepLabelRule& rule);

}  // namespace dynexec
