// One evaluation a step and a memory of the last ones: DPM-Solver++(2M), midpoint form (Lu et al. 2022, algorithm 2),
// and UniPC of order two with B2 (Zhao et al. 2023, algorithms 7 and 8), whose corrector uses the evaluation that the
// next prediction needs anyway. Both predict the clean image m and count in lambda = log(signal / deviation).
#include <algorithm>
#include <array>
#include <cmath>

#include "diffusion/clean_image.hpp"
#include "diffusion/samplers.hpp"
#include "diffusion/timesteps.hpp"

namespace dynexec {
namespace {

struct Level {
  double signal = 1, deviation = 0, lambda = 0;
};

Level level_of(double sigma) {
  const double signal = 1 / std::hypot(sigma, 1.0);
  return {.signal = signal, .deviation = sigma * signal, .lambda = -std::log(sigma)};
}

class Multistep : public Sampler {
 public:
  explicit Multistep(const SamplerOptions& options) : options_(options) {
    const NoiseSchedule schedule(options.noise);
    std::vector<double> sigmas;
    if (options.karras) {
      // The whole table's range, whatever the spacing.
      sigmas = karras_sigmas(schedule.sigma(static_cast<double>(schedule.train_steps() - 1)), schedule.sigma(0),
                             options.steps);
      for (const double sigma : sigmas) timesteps_.push_back(std::nearbyint(schedule.step_of(sigma)));
    } else {
      timesteps_ = spread_steps_open(options.spacing, options.steps, schedule.train_steps(), options.offset);
      for (const double timestep : timesteps_) sigmas.push_back(schedule.sigma(timestep));
    }
    sigmas.push_back(0);
    for (const double sigma : sigmas) levels_.push_back(level_of(sigma));
  }

  std::unique_ptr<Trajectory> start() const override;
  const SamplerOptions& options() const { return options_; }
  const Level& level(std::size_t step) const { return levels_.at(step); }

 private:
  SamplerOptions options_;
  std::vector<Level> levels_;
};

// A sum of images with a factor each.
struct Term {
  double factor;
  const std::vector<float>* image;
};

template <std::size_t terms>
void combine(double factor, std::span<const float> x, const std::array<Term, terms>& sum, std::span<float> out) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    double value = factor * static_cast<double>(x[i]);
    for (const Term& term : sum) value += term.factor * static_cast<double>((*term.image)[i]);
    out[i] = static_cast<float>(value);
  }
}

class MultistepTrajectory : public Trajectory {
 public:
  explicit MultistepTrajectory(const Multistep& plan) : plan_(plan) {}

  void network_input(std::size_t, std::span<const float> latents, std::span<float> input) const override {
    std::copy(latents.begin(), latents.end(), input.begin());
  }

  void advance(std::size_t step, std::span<float> latents, std::span<const float> output, const NoiseSource&) override {
    const Level& here = plan_.level(step);
    earlier_.swap(previous_);
    previous_.swap(clean_);
    predict_clean(plan_.options().prediction, plan_.options().limits, here.signal, here.deviation, latents, output,
                  clean_);
    if (step == 0) {
      previous_ = earlier_ = clean_;
      before_.assign(latents.begin(), latents.end());
    }
    const bool unipc = plan_.options().kind == SamplerKind::unipc;
    if (unipc && step > 0) correct(step, latents);
    if (unipc) before_.assign(latents.begin(), latents.end());
    predict(step, latents);
  }

 private:
  // The last step goes to no noise, where only first order is stable.
  bool second_order(std::size_t step) const { return step > 0 && step + 1 < plan_.evaluations(); }

  // Both samplers' predictors are the same of second order, too: D = m + (m - m_previous) / (2 r).
  void predict(std::size_t step, std::span<float> latents) const {
    const Level &here = plan_.level(step), &next = plan_.level(step + 1);
    const double h = next.lambda - here.lambda, gain = -next.signal * std::expm1(-h);
    double past = 0;
    if (second_order(step)) past = h / (here.lambda - plan_.level(step - 1).lambda) / 2;
    combine<2>(next.deviation / here.deviation, latents, {{{gain * (1 + past), &clean_}, {-gain * past, &previous_}}},
               latents);
  }

  // The latents that the last step would have reached, had it known what the network says here.
  void correct(std::size_t step, std::span<float> latents) const {
    const Level &from = plan_.level(step - 1), &here = plan_.level(step);
    const double h = here.lambda - from.lambda, phi = std::expm1(-h), ratio = here.deviation / from.deviation;
    const double gain = -here.signal * phi;
    if (!second_order(step - 1)) {
      combine<2>(ratio, before_, {{{gain / 2, &clean_}, {gain / 2, &previous_}}}, latents);
      return;
    }
    // Rows of the system: rho1 + rho2 = b1, r rho1 + rho2 = b2.
    const double r = (plan_.level(step - 2).lambda - from.lambda) / h, k = phi / -h - 1;
    const double b1 = k / phi, b2 = 2 * (k / -h - 0.5) / phi, rho1 = (b2 - b1) / (r - 1), rho2 = b1 - rho1;
    combine<3>(ratio, before_,
               {{{gain * rho2, &clean_}, {gain * (1 - rho2 - rho1 / r), &previous_}, {gain * rho1 / r, &earlier_}}},
               latents);
  }

  const Multistep& plan_;
  std::vector<float> previous_, earlier_;  // clean images of the last two evaluations
  std::vector<float> before_;              // the latents that the last step began with, as corrected
};

std::unique_ptr<Trajectory> Multistep::start() const {
  return std::make_unique<MultistepTrajectory>(*this);
}

}  // namespace

std::unique_ptr<Sampler> make_multistep(const SamplerOptions& options) {
  return std::make_unique<Multistep>(options);
}

}  // namespace dynexec
