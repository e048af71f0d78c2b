// The makers behind make_sampler(). Options have been checked. Private to the room.
#pragma once

#include <memory>

#include "diffusion/sampler.hpp"

namespace dynexec {

std::unique_ptr<Sampler> make_ddim(const SamplerOptions& options);
// Euler and Euler ancestral.
std::unique_ptr<Sampler> make_euler(const SamplerOptions& options);
// Heun and DPM2.
std::unique_ptr<Sampler> make_second_order(const SamplerOptions& options);
// DPM++ 2M and UniPC.
std::unique_ptr<Sampler> make_multistep(const SamplerOptions& options);

}  // namespace dynexec
