#include <doctest/doctest.h>

#include "base/error.hpp"
#include "pictures/scheduler_config.hpp"

using namespace dynexec;
using nlohmann::json;

namespace {

SamplerOptions read(const json& config) {
  return read_scheduler_config(config, "scheduler_config.json");
}

// The key that is refused.
std::string refused(const json& config) {
  try {
    read(config);
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK(!error.hint().empty());
    return error.where();
  }
}

}  // namespace

TEST_CASE("the published scheduler of Stable Diffusion 1.5") {
  const SamplerOptions options = read({{"_class_name", "PNDMScheduler"},
                                       {"_diffusers_version", "0.6.0"},
                                       {"beta_end", 0.012},
                                       {"beta_schedule", "scaled_linear"},
                                       {"beta_start", 0.00085},
                                       {"num_train_timesteps", 1000},
                                       {"set_alpha_to_one", false},
                                       {"skip_prk_steps", true},
                                       {"steps_offset", 1},
                                       {"trained_betas", nullptr},
                                       {"clip_sample", false}});
  CHECK(options.kind == SamplerKind::ddim);
  CHECK(options.spacing == Spacing::leading);
  CHECK(options.noise.betas == BetaSchedule::scaled_linear);
  CHECK(options.noise.beta_start == 0.00085);
  CHECK(options.noise.beta_end == 0.012);
  CHECK(options.noise.train_steps == 1000);
  CHECK(options.offset == 1);
  CHECK(!options.final_alpha_one);
  CHECK(options.prediction == Prediction::epsilon);
  CHECK(options.limits.clip == 0);
}

TEST_CASE("keys that are absent are what the class has by default") {
  const SamplerOptions none = read(json::object());
  CHECK(none.kind == SamplerKind::ddim);
  CHECK(none.noise.betas == BetaSchedule::linear);
  CHECK(none.noise.beta_start == 1e-4);
  CHECK(none.noise.beta_end == 0.02);
  CHECK(none.offset == 0);
  CHECK(none.final_alpha_one);
  CHECK(none.limits.clip == 1);
  CHECK(!read({{"_class_name", "PNDMScheduler"}}).final_alpha_one);
  CHECK(read({{"_class_name", "PNDMScheduler"}}).limits.clip == 0);
  const SamplerOptions heun = read({{"_class_name", "HeunDiscreteScheduler"}});
  CHECK(heun.kind == SamplerKind::heun);
  CHECK(heun.spacing == Spacing::linspace);
  CHECK(heun.noise.beta_end == 0.012);
}

TEST_CASE("every scheduler with a sampler of ours") {
  const std::vector<std::pair<std::string, SamplerKind>> classes{
      {"DDIM", SamplerKind::ddim},
      {"EulerDiscrete", SamplerKind::euler},
      {"EulerAncestralDiscrete", SamplerKind::euler_ancestral},
      {"HeunDiscrete", SamplerKind::heun},
      {"KDPM2Discrete", SamplerKind::dpm2},
      {"DPMSolverMultistep", SamplerKind::dpmpp_2m},
      {"UniPCMultistep", SamplerKind::unipc},
      {"DDPM", SamplerKind::ddim},
      {"LMSDiscrete", SamplerKind::ddim},
  };
  for (const auto& [name, kind] : classes) {
    const std::string scheduler = name;
    CAPTURE(scheduler);
    const SamplerOptions options = read({{"_class_name", name + "Scheduler"}, {"use_karras_sigmas", true}});
    CHECK(options.kind == kind);
    // What is read can be made a sampler of.
    CHECK(make_sampler(options)->evaluations() >= 50);
    CHECK(options.karras == (kind != SamplerKind::ddim && kind != SamplerKind::euler_ancestral));
  }
}

TEST_CASE("values of the keys") {
  const SamplerOptions options = read({{"prediction_type", "v_prediction"},
                                       {"timestep_spacing", "trailing"},
                                       {"beta_schedule", "squaredcos_cap_v2"},
                                       {"clip_sample_range", 0.8},
                                       {"thresholding", true},
                                       {"dynamic_thresholding_ratio", 0.9},
                                       {"sample_max_value", 1.5}});
  CHECK(options.prediction == Prediction::v);
  CHECK(options.spacing == Spacing::trailing);
  CHECK(options.noise.betas == BetaSchedule::cosine);
  CHECK(options.limits.clip == 0.8);
  CHECK(options.limits.quantile == 0.9);
  CHECK(options.limits.highest == 1.5);
}

TEST_CASE("values that are not supported are named with their file") {
  const std::string file = "scheduler_config.json: ";
  CHECK(refused({{"_class_name", "FlowMatchEulerDiscreteScheduler"}}) == file + "_class_name");
  for (const auto& [key, value] : std::vector<std::pair<std::string, json>>{{"beta_schedule", "sigmoid"},
                                                                            {"prediction_type", "flow"},
                                                                            {"timestep_spacing", "middle"},
                                                                            {"trained_betas", {0.1, 0.2}},
                                                                            {"rescale_betas_zero_snr", true},
                                                                            {"beta_start", "small"},
                                                                            {"num_train_timesteps", 1},
                                                                            {"steps_offset", -1},
                                                                            {"clip_sample", 1}})
    CHECK(refused({{key, value}}) == file + key);
  CHECK(refused({{"_class_name", "DPMSolverMultistepScheduler"}, {"algorithm_type", "sde-dpmsolver++"}}) ==
        file + "algorithm_type");
  CHECK(refused({{"_class_name", "UniPCMultistepScheduler"}, {"solver_order", 3}}) == file + "solver_order");
  CHECK(refused({{"_class_name", "PNDMScheduler"}, {"solver_order", 3}}).empty());
  const json minus_infinity;  // as a reader of Python's JSON gives it
  for (const auto& [name, key, value, usual] : std::vector<std::tuple<const char*, const char*, json, json>>{
           {"EulerDiscreteScheduler", "interpolation_type", "log_linear", "linear"},
           {"EulerDiscreteScheduler", "timestep_type", "continuous", "discrete"},
           {"DPMSolverMultistepScheduler", "lambda_min_clipped", -5.1, minus_infinity},
           {"UniPCMultistepScheduler", "disable_corrector", {0}, json::array()}}) {
    CHECK(refused({{"_class_name", name}, {key, value}}) == file + key);
    CHECK(refused({{"_class_name", name}, {key, usual}}).empty());
    CHECK(refused({{"_class_name", "DDIMScheduler"}, {key, value}}).empty());
  }
}
