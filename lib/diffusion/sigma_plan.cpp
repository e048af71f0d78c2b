#include "diffusion/sigma_plan.hpp"

#include <cmath>

#include "diffusion/timesteps.hpp"

namespace dynexec {

SigmaPlan plan_sigmas(const SamplerOptions& options, const NoiseSchedule& schedule, bool whole) {
  SigmaPlan plan;
  plan.timesteps = spread_steps(options.spacing, options.steps, schedule.train_steps(), options.offset, false);
  for (const double timestep : plan.timesteps) plan.sigmas.push_back(schedule.sigma(timestep));
  if (options.karras) {
    plan.sigmas = karras_sigmas(plan.sigmas.front(), plan.sigmas.back(), options.steps);
    for (std::size_t i = 0; i < plan.sigmas.size(); ++i) {
      const double step = schedule.step_of(plan.sigmas[i]);
      plan.timesteps[i] = whole ? std::nearbyint(step) : step;
    }
  }
  plan.sigmas.push_back(0);
  return plan;
}

double start_deviation_of(const SamplerOptions& options, double first_sigma) {
  return options.spacing == Spacing::leading ? std::hypot(first_sigma, 1.0) : first_sigma;
}

void scale_input(double sigma, std::span<const float> x, std::span<float> input) {
  const double factor = 1 / std::hypot(sigma, 1.0);
  for (std::size_t i = 0; i < x.size(); ++i) input[i] = static_cast<float>(static_cast<double>(x[i]) * factor);
}

}  // namespace dynexec
