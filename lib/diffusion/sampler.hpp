// Samplers: how a picture is made from noise by asking a network again and again what in it is noise.
//
// A Sampler is the plan for a number of steps: at which training steps the network is asked. A Trajectory is one
// image's way along it. Formulas and timesteps agree with diffusers' schedulers (methods and papers: DDIM, Song et al.
// 2021; Euler, Euler ancestral, Heun and DPM2, Karras et al. 2022 and k-diffusion; DPM++ 2M, Lu et al. 2022; UniPC,
// Zhao et al. 2023).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "diffusion/noise_schedule.hpp"

namespace dynexec {

enum class SamplerKind { ddim, euler, euler_ancestral, heun, dpm2, dpmpp_2m, unipc };
const std::vector<std::string>& sampler_names();

// Which training steps `steps` are spread to. leading: multiples of T / steps, plus an offset; the last is the cleanest
// but one. trailing: from T - 1 down. linspace: from T - 1 to 0.
enum class Spacing { leading, trailing, linspace };
const std::vector<std::string>& spacing_names();

// What the network says: the noise, Salimans and Ho's velocity, or the clean image.
enum class Prediction { epsilon, v, sample };
const std::vector<std::string>& prediction_names();

// What a clean image may look like; for models of pixels, not of latents.
struct CleanLimits {
  double clip = 0;      // values are cut at +- this; 0: they are not
  double quantile = 0;  // dynamic thresholding (Saharia et al. 2022) at this quantile of the magnitudes; 0: none
  double highest = 1;   // above which the threshold does not rise
};

struct SamplerOptions {
  SamplerKind kind = SamplerKind::ddim;
  std::int64_t steps = 50;  // 1 to the training steps
  Spacing spacing = Spacing::leading;
  std::int64_t offset = 1;  // of leading
  bool karras = false;      // not of DDIM and Euler ancestral
  Prediction prediction = Prediction::epsilon;
  double eta = 0;                // DDIM: 0 draws no noise, 1 as much as ancestral sampling
  bool final_alpha_one = false;  // DDIM: the last step goes to no noise at all rather than to training step 0's
  CleanLimits limits;
  NoiseOptions noise;
};

// Fills with draws of a standard normal distribution.
using NoiseSource = std::function<void(std::span<float>)>;

class Trajectory {
 public:
  virtual ~Trajectory() = default;
  // What the network gets to see at an evaluation: the latents, scaled. Both have the same size.
  virtual void network_input(std::size_t evaluation, std::span<const float> latents, std::span<float> input) const = 0;
  // Takes the network's output at an evaluation and moves the latents on. Evaluations come in order, from 0. Draws
  // noise only where the sampler needs it.
  virtual void advance(std::size_t evaluation, std::span<float> latents, std::span<const float> output,
                       const NoiseSource& noise) = 0;
  // The clean image as the last evaluation had it.
  std::span<const float> clean() const { return clean_; }

 protected:
  std::vector<float> clean_;
};

class Sampler {
 public:
  virtual ~Sampler() = default;
  // The training step at each evaluation of the network, in order; samplers of second order ask between steps.
  const std::vector<double>& timesteps() const { return timesteps_; }
  std::size_t evaluations() const { return timesteps_.size(); }
  // Steps that have begun after so many evaluations.
  std::size_t steps(std::size_t evaluations) const {
    return (evaluations + evaluations_per_step_ - 1) / evaluations_per_step_;
  }
  // The noise that a trajectory begins with is standard normal noise times this.
  double start_deviation() const { return start_deviation_; }
  // Whether the last step leaves no noise in the picture. DDIM steps are equally long whatever the spacing, as the
  // reference implementation has it, and with some counts end one training step before the clean image.
  bool ends_clean() const { return ends_clean_; }
  // Valid as long as the sampler lives.
  virtual std::unique_ptr<Trajectory> start() const = 0;

 protected:
  std::vector<double> timesteps_;
  double start_deviation_ = 1;
  std::size_t evaluations_per_step_ = 1;
  bool ends_clean_ = true;
};

// Error(config) for options that do not fit each other or the noise schedule.
std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options);

}  // namespace dynexec
