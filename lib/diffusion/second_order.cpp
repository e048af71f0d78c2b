// Two evaluations a step: Heun's method, which averages the slopes at both ends (Karras et al. 2022, algorithm 1), and
// DPM2, which takes the slope in the middle, in the logarithm of the noise (Lu et al. 2022, DPM-Solver-2). The last
// step, to no noise, is Euler's.
#include <cmath>

#include "diffusion/clean_image.hpp"
#include "diffusion/samplers.hpp"
#include "diffusion/sigma_plan.hpp"

namespace dynexec {
namespace {

class SecondOrder : public Sampler {
 public:
  struct Evaluation {
    double sigma = 0;         // of the latents that the network sees
    double from = 0, to = 0;  // the step's ends
    bool first = true;        // of the step's evaluations
    bool last_of_step = false;
  };

  explicit SecondOrder(const SamplerOptions& options) : options_(options) {
    const bool middle = options.kind == SamplerKind::dpm2;
    const NoiseSchedule schedule(options.noise);
    const SigmaPlan plan = plan_sigmas(options, schedule, middle);
    for (std::size_t i = 0; i < plan.timesteps.size(); ++i) {
      const double from = plan.sigmas[i], to = plan.sigmas[i + 1];
      timesteps_.push_back(plan.timesteps[i]);
      evaluations_.push_back({.sigma = from, .from = from, .to = to, .first = true, .last_of_step = to == 0});
      if (to == 0) break;
      const double second = middle ? std::sqrt(from * to) : to;
      timesteps_.push_back(middle ? schedule.step_of(second) : plan.timesteps[i + 1]);
      evaluations_.push_back({.sigma = second, .from = from, .to = to, .first = false, .last_of_step = true});
    }
    start_deviation_ = start_deviation_of(options, plan.sigmas.front());
    evaluations_per_step_ = 2;
  }

  std::unique_ptr<Trajectory> start() const override;
  const SamplerOptions& options() const { return options_; }
  const Evaluation& evaluation(std::size_t index) const { return evaluations_.at(index); }

 private:
  SamplerOptions options_;
  std::vector<Evaluation> evaluations_;
};

class SecondOrderTrajectory : public Trajectory {
 public:
  explicit SecondOrderTrajectory(const SecondOrder& plan) : plan_(plan) {}

  void network_input(std::size_t evaluation, std::span<const float> latents, std::span<float> input) const override {
    scale_input(plan_.evaluation(evaluation).sigma, latents, input);
  }

  void advance(std::size_t evaluation, std::span<float> latents, std::span<const float> output,
               const NoiseSource&) override {
    const SecondOrder::Evaluation& at = plan_.evaluation(evaluation);
    const bool middle = plan_.options().kind == SamplerKind::dpm2;
    predict_clean(plan_.options().prediction, plan_.options().limits, 1, at.sigma, latents, output, clean_);
    if (at.first) {
      begin_.assign(latents.begin(), latents.end());
      slope_.resize(latents.size());
    }
    // To the step's end; of DPM2's first evaluation to its middle.
    const double to = at.first && !at.last_of_step && middle ? std::sqrt(at.from * at.to) : at.to;
    for (std::size_t i = 0; i < latents.size(); ++i) {
      double slope = (static_cast<double>(latents[i]) - static_cast<double>(clean_[i])) / at.sigma;
      if (at.first) {
        slope_[i] = slope;
      } else if (!middle) {
        slope = (slope_[i] + slope) / 2;
      }
      latents[i] = static_cast<float>(static_cast<double>(begin_[i]) + slope * (to - at.from));
    }
  }

 private:
  const SecondOrder& plan_;
  std::vector<float> begin_;   // the latents at the step's begin
  std::vector<double> slope_;  // there
};

std::unique_ptr<Trajectory> SecondOrder::start() const {
  return std::make_unique<SecondOrderTrajectory>(*this);
}

}  // namespace

std::unique_ptr<Sampler> make_second_order(const SamplerOptions& options) {
  return std::make_unique<SecondOrder>(options);
}

}  // namespace dynexec
