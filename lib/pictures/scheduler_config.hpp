// What scheduler_config.json of a diffusers pipeline says about the noise a model was trained with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "diffusion/sampler.hpp"

namespace dynexec {

// Keys that are absent are what the named scheduler class has by default. A class without a sampler of ours but with
// the same noise (PNDMScheduler, DDPMScheduler ...) gives DDIM. Error(model) naming the key for a class, a value or a
// noise schedule that is not supported.
SamplerOptions read_scheduler_config(const nlohmann::json& config, const std::string& where);

}  // namespace dynexec
