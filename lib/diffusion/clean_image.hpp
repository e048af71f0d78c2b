// From what a network predicts to the clean image and the noise in it.
#pragma once

#include <span>
#include <vector>

#include "diffusion/sampler.hpp"

namespace dynexec {

// x = signal * clean + deviation * noise. Writes the clean image that `output` stands for, within the limits. All spans
// have the same size.
void predict_clean(Prediction prediction, const CleanLimits& limits, double signal, double deviation,
                   std::span<const float> x, std::span<const float> output, std::vector<float>& clean);

// Values within +- clip, or within the quantile of their magnitudes and scaled to 1 where that is above 1.
void limit(const CleanLimits& limits, std::span<float> clean);

}  // namespace dynexec
