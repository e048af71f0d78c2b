// Rounding weights one input after the other, each input's error taken up by those that are still exact: GPTQ (Frantar,
// Ashkboos, Hoefler and Alistarh 2023, arXiv 2210.17323, algorithm 1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/input_moments.hpp"
#include "kernels/stored_matrix.hpp"

namespace dynexec {

struct GptqOptions {
  // Added to the diagonal of the second moments, as a share of its mean: inputs that were hardly seen must not take up
  // all errors.
  double damping = 0.01;
  std::int64_t block = 128;  // inputs whose errors are taken up together
  // int4: scales and minima that leave the least error in a group, the largest and smallest weights cut off where that
  // helps; else from the smallest to the largest.
  bool fitted_scales = true;
};

// weights [out, in]; moments [in, in], fp64: sum of x x^T over the inputs that the layer was shown. Without fitted
// scales the result is what round_to_nearest makes where moments are a multiple of one matrix with nothing beside its
// diagonal. Error(model) where they are not finite, Error(config) for formats that are not quantised.
StoredMatrix gptq(std::span<const float> weights, std::int64_t out, std::int64_t in, const WeightFormat& format,
                  const at::Tensor& moments, const GptqOptions& options = {});

// Weights [out, in] that give on the inputs of the quantised layers before what `weights` gave on the exact ones, as
// far as a linear map can: W + share * W drift (inputs + damping)^-1. Rounding them instead of W makes up for errors
// that the layers before have left (asymmetric calibration: Li, Yin, Lee, Xiao and Panda 2025, GPTAQ, arXiv 2504.02692;
// the least-squares target in closed form is our own). A share of 1 fits the calibration texts best and others worse.
// Error(model) where moments are not finite.
std::vector<float> make_up_for_drift(std::span<const float> weights, std::int64_t out, std::int64_t in,
                                     const InputMoments& moments, double share, double damping);

}  // namespace dynexec
