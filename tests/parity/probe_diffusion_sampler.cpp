// Runs samplers on a closed-form network, e = 0.8 sin(1.3 x + t / 300) + 0.1 x of the network's input x and timestep t.
// Each line of standard input is a run: SAMPLER STEPS SPACING KARRAS PREDICTION BETAS OFFSET ETA FINAL_ALPHA_ONE CLIP
// QUANTILE HIGHEST NOISE-COUNT STARTS-COUNT, standard normal starts, then draws of noise as they will be asked for.
// Prints the timesteps on one line and the result on the next.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "diffusion/sampler.hpp"

namespace {

using namespace dynexec;

std::size_t place(const std::vector<std::string>& names, const std::string& name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return i;
  throw Error(ErrorKind::usage, "unknown name " + name, "", "");
}

void run(std::istringstream words) {
  SamplerOptions o;
  std::string sampler, spacing, prediction, betas;
  std::size_t draws = 0, count = 0;
  words >> sampler >> o.steps >> spacing >> o.karras >> prediction >> betas >> o.offset >> o.eta >> o.final_alpha_one >>
      o.limits.clip >> o.limits.quantile >> o.limits.highest >> draws >> count;
  o.kind = static_cast<SamplerKind>(place(sampler_names(), sampler));
  o.spacing = static_cast<Spacing>(place(spacing_names(), spacing));
  o.prediction = static_cast<Prediction>(place(prediction_names(), prediction));
  o.noise.betas = static_cast<BetaSchedule>(place(beta_schedule_names(), betas));
  std::vector<float> latents(count), noise(draws * count), input(count), output(count);
  for (float& value : latents) words >> value;
  for (float& value : noise) words >> value;
  const auto plan = make_sampler(o);
  for (float& value : latents) value = static_cast<float>(static_cast<double>(value) * plan->start_deviation());
  std::size_t drawn = 0;
  const auto draw = [&](std::span<float> out) {
    for (float& value : out) value = noise.at(drawn++);
  };
  const auto way = plan->start();
  for (std::size_t e = 0; e < plan->evaluations(); ++e) {
    const double t = plan->timesteps()[e];
    std::printf("%.9g ", t);
    way->network_input(e, latents, input);
    for (std::size_t i = 0; i < count; ++i) {
      const auto x = static_cast<double>(input[i]);
      output[i] = static_cast<float>(0.8 * std::sin(1.3 * x + t / 300) + 0.1 * x);
    }
    way->advance(e, latents, output, draw);
  }
  std::printf("\n");
  for (const float value : latents) std::printf("%.9g ", static_cast<double>(value));
  std::printf("\n");
}

}  // namespace

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) run(std::istringstream(line));
    return 0;
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return exit_code(error.kind());
  }
}
