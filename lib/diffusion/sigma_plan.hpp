// What the samplers that count in noise levels share: x = clean + sigma * noise. Private to the room.
#pragma once

#include <vector>

#include "diffusion/sampler.hpp"

namespace dynexec {

struct SigmaPlan {
  std::vector<double> timesteps;  // one a step
  std::vector<double> sigmas;     // the same, and 0 behind them
};

// Karras levels lie between the first and the last of the spread ones; whole: their training steps are rounded.
SigmaPlan plan_sigmas(const SamplerOptions& options, const NoiseSchedule& schedule, bool whole);

// The deviation that trajectories begin with: with leading spacing the first level's noise lies on top of an image.
double start_deviation_of(const SamplerOptions& options, double first_sigma);

// Writes x / sqrt(sigma^2 + 1), which networks were trained to see.
void scale_input(double sigma, std::span<const float> x, std::span<float> input);

}  // namespace dynexec
