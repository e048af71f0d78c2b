// DDIM (Song, Meng and Ermon 2021, equation 12).
#include <algorithm>
#include <cmath>

#include "diffusion/clean_image.hpp"
#include "diffusion/samplers.hpp"
#include "diffusion/timesteps.hpp"

namespace dynexec {
namespace {

class Ddim : public Sampler {
 public:
  struct Step {
    double left = 1, next_left = 1;  // share of the image's variance, here and where the step goes
  };

  explicit Ddim(const SamplerOptions& options) : options_(options) {
    const NoiseSchedule schedule(options.noise);
    timesteps_ = spread_steps(options.spacing, options.steps, schedule.train_steps(), options.offset, true);
    const double end = options.final_alpha_one ? 1 : schedule.alpha_bar(0);
    // Steps are equally long whatever the spacing, as the reference implementation has it.
    const std::int64_t length = schedule.train_steps() / options.steps;
    for (const double timestep : timesteps_) {
      const auto here = static_cast<std::int64_t>(timestep), next = here - length;
      steps_.push_back({schedule.alpha_bar(here), next >= 0 ? schedule.alpha_bar(next) : end});
      ends_clean_ = next < 0;
    }
  }

  std::unique_ptr<Trajectory> start() const override;
  const SamplerOptions& options() const { return options_; }
  const Step& step(std::size_t evaluation) const { return steps_.at(evaluation); }

 private:
  SamplerOptions options_;
  std::vector<Step> steps_;
};

class DdimTrajectory : public Trajectory {
 public:
  explicit DdimTrajectory(const Ddim& plan) : plan_(plan) {}

  void network_input(std::size_t, std::span<const float> latents, std::span<float> input) const override {
    std::copy(latents.begin(), latents.end(), input.begin());
  }

  void advance(std::size_t evaluation, std::span<float> latents, std::span<const float> output,
               const NoiseSource& noise) override {
    const auto [left, next_left] = plan_.step(evaluation);
    const Prediction prediction = plan_.options().prediction;
    const double signal = std::sqrt(left), deviation = std::sqrt(1 - left);
    predict_clean(prediction, plan_.options().limits, signal, deviation, latents, output, clean_);
    const double drawn = plan_.options().eta * std::sqrt((1 - next_left) / (1 - left) * (1 - left / next_left));
    const double kept = std::sqrt(std::max(0.0, 1 - next_left - drawn * drawn)), next_signal = std::sqrt(next_left);
    if (drawn > 0) {
      drawn_.resize(latents.size());
      noise(drawn_);
    }
    for (std::size_t i = 0; i < latents.size(); ++i) {
      const auto x = static_cast<double>(latents[i]), said = static_cast<double>(output[i]);
      // The noise is what the network said, also where the clean image was cut.
      const double error = prediction == Prediction::epsilon ? said
                           : prediction == Prediction::v     ? signal * said + deviation * x
                                                             : (x - signal * said) / deviation;
      double moved = next_signal * static_cast<double>(clean_[i]) + kept * error;
      if (drawn > 0) moved += drawn * static_cast<double>(drawn_[i]);
      latents[i] = static_cast<float>(moved);
    }
  }

 private:
  const Ddim& plan_;
  std::vector<float> drawn_;
};

std::unique_ptr<Trajectory> Ddim::start() const {
  return std::make_unique<DdimTrajectory>(*this);
}

}  // namespace

std::unique_ptr<Sampler> make_ddim(const SamplerOptions& options) {
  return std::make_unique<Ddim>(options);
}

}  // namespace dynexec
