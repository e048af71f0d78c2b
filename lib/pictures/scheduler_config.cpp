#include "pictures/scheduler_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "models/diffusion/unet_config.hpp"
#include "models/json_fields.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMaxTrainSteps = 1'000'000;

// A scheduler class with those of its defaults in which classes differ.
struct SchedulerClass {
  const char* name;
  SamplerKind kind;
  Spacing spacing;
  bool clip = false, alpha_one = true;
  double beta_start = 1e-4, beta_end = 0.02;
};

constexpr std::array<SchedulerClass, 12> kClasses{{
    {"DDIMScheduler", SamplerKind::ddim, Spacing::leading, true},
    {"DDPMScheduler", SamplerKind::ddim, Spacing::leading, true},
    {"PNDMScheduler", SamplerKind::ddim, Spacing::leading, false, false},
    {"LMSDiscreteScheduler", SamplerKind::ddim, Spacing::linspace},
    {"DEISMultistepScheduler", SamplerKind::ddim, Spacing::linspace},
    {"KDPM2AncestralDiscreteScheduler", SamplerKind::ddim, Spacing::linspace, false, true, 0.00085, 0.012},
    {"EulerDiscreteScheduler", SamplerKind::euler, Spacing::linspace},
    {"EulerAncestralDiscreteScheduler", SamplerKind::euler_ancestral, Spacing::linspace},
    {"HeunDiscreteScheduler", SamplerKind::heun, Spacing::linspace, false, true, 0.00085, 0.012},
    {"KDPM2DiscreteScheduler", SamplerKind::dpm2, Spacing::linspace, false, true, 0.00085, 0.012},
    {"DPMSolverMultistepScheduler", SamplerKind::dpmpp_2m, Spacing::linspace},
    {"UniPCMultistepScheduler", SamplerKind::unipc, Spacing::linspace},
}};

template <class Value>
struct Choice {
  const char* name;
  Value value;
};

template <class Value, std::size_t count>
Value choose(const JsonFields& fields, const char* key, Value absent, const std::array<Choice<Value>, count>& choices) {
  if (!fields.has(key)) return absent;
  const std::string found = fields.text(key, "");
  std::vector<const char*> names;
  for (const auto& [name, value] : choices) {
    if (found == name) return value;
    names.push_back(name);
  }
  fields.refuse(key, "the value '" + found + "' is not supported",
                fmt::format("supported are {}", fmt::join(names, ", ")));
}

const SchedulerClass& class_of(const JsonFields& fields) {
  const std::string name = fields.text("_class_name", kClasses[0].name);
  std::vector<const char*> names;
  for (const SchedulerClass& known : kClasses) {
    if (name == known.name) return known;
    names.push_back(known.name);
  }
  fields.refuse("_class_name", "the scheduler '" + name + "' is not supported",
                fmt::format("supported are {}", fmt::join(names, ", ")));
}

// Keys that change the noise or a sampler's way and are supported at one value.
void refuse_unsupported(const JsonFields& fields, SamplerKind kind) {
  std::vector<diffusers::FixedKey> fixed{{"trained_betas", nullptr},   {"rescale_betas_zero_snr", false},
                                         {"use_flow_sigmas", false},   {"use_exponential_sigmas", false},
                                         {"use_beta_sigmas", false},   {"use_lu_lambdas", false},
                                         {"sigma_min", nullptr},       {"sigma_max", nullptr},
                                         {"final_sigmas_type", "zero"}};
  if (kind == SamplerKind::dpmpp_2m || kind == SamplerKind::unipc) {
    fixed.push_back({"solver_order", 2});
    fixed.push_back({"lower_order_final", true});
    fixed.push_back({"euler_at_final", false});
    fixed.push_back({"predict_x0", true});
    fixed.push_back({"solver_type", kind == SamplerKind::unipc ? "bh2" : "midpoint"});
  }
  if (kind == SamplerKind::dpmpp_2m) {
    fixed.push_back({"algorithm_type", "dpmsolver++"});
    fixed.push_back({"lambda_min_clipped", nullptr});  // minus infinity, which JSON has no number for
  }
  if (kind == SamplerKind::unipc) fixed.push_back({"disable_corrector", nlohmann::json::array()});
  if (kind == SamplerKind::euler) {
    fixed.push_back({"interpolation_type", "linear"});
    fixed.push_back({"timestep_type", "discrete"});
  }
  diffusers::refuse_other_values(fields.object(), fixed, fields.where());
}

CleanLimits read_limits(const JsonFields& fields, bool clip) {
  CleanLimits limits;
  if (fields.boolean("clip_sample", clip)) limits.clip = fields.number("clip_sample_range", 1e-6, 1e6, 1);
  if (fields.boolean("thresholding", false)) {
    limits.quantile = fields.number("dynamic_thresholding_ratio", 1e-6, 1, 0.995);
    limits.highest = fields.number("sample_max_value", 1, 1e6, 1);
  }
  return limits;
}

}  // namespace

SamplerOptions read_scheduler_config(const nlohmann::json& config, const std::string& where) {
  const JsonFields fields(config, where);
  const SchedulerClass& scheduler = class_of(fields);
  refuse_unsupported(fields, scheduler.kind);
  SamplerOptions options;
  options.kind = scheduler.kind;
  options.spacing = choose<Spacing, 3>(
      fields, "timestep_spacing", scheduler.spacing,
      {{{"leading", Spacing::leading}, {"trailing", Spacing::trailing}, {"linspace", Spacing::linspace}}});
  options.prediction = choose<Prediction, 3>(
      fields, "prediction_type", Prediction::epsilon,
      {{{"epsilon", Prediction::epsilon}, {"v_prediction", Prediction::v}, {"sample", Prediction::sample}}});
  options.noise.betas = choose<BetaSchedule, 3>(fields, "beta_schedule", BetaSchedule::linear,
                                                {{{"linear", BetaSchedule::linear},
                                                  {"scaled_linear", BetaSchedule::scaled_linear},
                                                  {"squaredcos_cap_v2", BetaSchedule::cosine}}});
  options.noise.beta_start = fields.number("beta_start", 1e-9, 0.999, scheduler.beta_start);
  options.noise.beta_end = fields.number("beta_end", 1e-9, 0.999, scheduler.beta_end);
  options.noise.train_steps = fields.integer("num_train_timesteps", 2, kMaxTrainSteps, 1000);
  options.offset = fields.integer("steps_offset", 0, kMaxTrainSteps, 0);
  options.final_alpha_one = fields.boolean("set_alpha_to_one", scheduler.alpha_one);
  const bool ways_with_karras = scheduler.kind != SamplerKind::ddim && scheduler.kind != SamplerKind::euler_ancestral;
  options.karras = ways_with_karras && fields.boolean("use_karras_sigmas", false);
  options.limits = read_limits(fields, scheduler.clip);
  return options;
}

}  // namespace dynexec
