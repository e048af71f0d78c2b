// Which training steps a number of sampling steps is spread to.
#pragma once

#include <cstdint>
#include <vector>

#include "diffusion/sampler.hpp"

namespace dynexec {

// From the noisiest to the cleanest.
// For samplers that go on to no noise behind the last: linspace ends at step 0, rounded where `whole`.
std::vector<double> spread_steps(Spacing spacing, std::int64_t steps, std::int64_t train_steps, std::int64_t offset,
                                 bool whole);
// For the multistep samplers, which leave the last of steps + 1 out.
std::vector<double> spread_steps_open(Spacing spacing, std::int64_t steps, std::int64_t train_steps,
                                      std::int64_t offset);

}  // namespace dynexec
