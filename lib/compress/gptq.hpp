// Rounding weights one input after the other, each input's error taken up by those that are still exact: GPTQ (Frantar,
// Ashkboos, Hoefler and Alistarh 2023, arXiv 2210.17323, algorithm 1).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "kernels/stored_matrix.hpp"

namespace dynexec {

struct GptqOptions {
  // Added to the diagonal of the second moments, as a share of its mean: inputs that were hardly seen must not take up
  // all errors.
  double damping = 0.01;
  std::int64_t block = 128;  // inputs whose errors are taken up together
};

// weights [out, in]; moments [in, in], fp64: sum of x x^T over the inputs that the layer was shown. The result is what
// round_to_nearest makes where moments are a multiple of one matrix with nothing beside its diagonal. Error(model)
// where they are not finite, Error(config) for formats that are not quantised.
StoredMatrix gptq(std::span<const float> weights, std::int64_t out, std::int64_t in, const WeightFormat& format,
                  const at::Tensor& moments, const GptqOptions& options = {});

// What rounding changes in the layer's outputs, summed over the inputs that it was shown: trace of D moments D^T with
// the difference D of the weights.
double output_error(std::span<const float> weights, const StoredMatrix& rounded, const at::Tensor& moments);

}  // namespace dynexec
