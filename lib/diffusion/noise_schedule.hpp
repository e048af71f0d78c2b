// The noise that a diffusion model was trained with, and the levels of it that a sampler may ask for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dynexec {

// linear: betas evenly spaced. scaled_linear: their square roots (latent diffusion). cosine: Nichol and Dhariwal 2021,
// betas cut at 0.999.
enum class BetaSchedule { linear, scaled_linear, cosine };
const std::vector<std::string>& beta_schedule_names();

struct NoiseOptions {
  BetaSchedule betas = BetaSchedule::scaled_linear;
  double beta_start = 0.00085, beta_end = 0.012;  // not of the cosine schedule; the defaults are Stable Diffusion 1.x's
  std::int64_t train_steps = 1000;
};

// alpha_bar_t is the share of an image's variance that is left at training step t, sigma_t = sqrt((1 - alpha_bar_t) /
// alpha_bar_t) the noise over the image. The tables have the single precision of the models that were trained with
// them.
class NoiseSchedule {
 public:
  // Error(config): betas outside (0, 1), or fewer than 2 steps.
  explicit NoiseSchedule(const NoiseOptions& options);

  std::int64_t train_steps() const { return static_cast<std::int64_t>(alpha_bar_.size()); }
  double alpha_bar(std::int64_t step) const { return alpha_bar_[static_cast<std::size_t>(step)]; }
  // Between steps: on the line between the neighbours; the ends hold beyond.
  double sigma(double step) const;
  // The step of a noise level, on the line between the neighbours' logarithms.
  double step_of(double sigma) const;

 private:
  std::vector<double> alpha_bar_, sigma_, log_sigma_;
};

// Noise levels from `highest` to `lowest` (both included) that are evenly spaced in sigma^(1/7) (Karras et al. 2022,
// equation 5). count >= 1; one level is the highest.
std::vector<double> karras_sigmas(double highest, double lowest, std::int64_t count);

}  // namespace dynexec
