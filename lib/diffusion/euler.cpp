// Euler's method on the probability-flow ODE in noise levels, and its ancestral variant, which goes below the next
// level and adds noise (Karras et al. 2022; k-diffusion).
#include <cmath>

#include "diffusion/clean_image.hpp"
#include "diffusion/samplers.hpp"
#include "diffusion/sigma_plan.hpp"

namespace dynexec {
namespace {

class Euler : public Sampler {
 public:
  explicit Euler(const SamplerOptions& options) : options_(options) {
    SigmaPlan plan = plan_sigmas(options, NoiseSchedule(options.noise), false);
    timesteps_ = std::move(plan.timesteps);
    sigmas_ = std::move(plan.sigmas);
    start_deviation_ = start_deviation_of(options, sigmas_.front());
  }

  std::unique_ptr<Trajectory> start() const override;
  const SamplerOptions& options() const { return options_; }
  double sigma(std::size_t step) const { return sigmas_.at(step); }

 private:
  SamplerOptions options_;
  std::vector<double> sigmas_;
};

class EulerTrajectory : public Trajectory {
 public:
  explicit EulerTrajectory(const Euler& plan) : plan_(plan) {}

  void network_input(std::size_t evaluation, std::span<const float> latents, std::span<float> input) const override {
    scale_input(plan_.sigma(evaluation), latents, input);
  }

  void advance(std::size_t evaluation, std::span<float> latents, std::span<const float> output,
               const NoiseSource& noise) override {
    const SamplerOptions& options = plan_.options();
    const double sigma = plan_.sigma(evaluation), next = plan_.sigma(evaluation + 1);
    predict_clean(options.prediction, options.limits, 1, sigma, latents, output, clean_);
    double down = next, up = 0;
    if (options.kind == SamplerKind::euler_ancestral) {
      up = next * std::sqrt((sigma * sigma - next * next)) / sigma;
      down = std::sqrt(next * next - up * up);
      // Noise is drawn on the last step, too, where nothing of it is used: streams stay in step with the reference's.
      drawn_.resize(latents.size());
      noise(drawn_);
    }
    for (std::size_t i = 0; i < latents.size(); ++i) {
      const auto x = static_cast<double>(latents[i]);
      double moved = x + (x - static_cast<double>(clean_[i])) / sigma * (down - sigma);
      if (up > 0) moved += up * static_cast<double>(drawn_[i]);
      latents[i] = static_cast<float>(moved);
    }
  }

 private:
  const Euler& plan_;
  std::vector<float> drawn_;
};

std::unique_ptr<Trajectory> Euler::start() const {
  return std::make_unique<EulerTrajectory>(*this);
}

}  // namespace

std::unique_ptr<Sampler> make_euler(const SamplerOptions& options) {
  return std::make_unique<Euler>(options);
}

}  // namespace dynexec
