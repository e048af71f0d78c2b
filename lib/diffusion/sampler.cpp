#include "diffusion/sampler.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "diffusion/samplers.hpp"

namespace dynexec {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& where, const std::string& hint) {
  throw Error(ErrorKind::config, what, where, hint);
}

void check(const SamplerOptions& options) {
  const std::string& name = sampler_names()[static_cast<std::size_t>(options.kind)];
  const bool multistep = options.kind == SamplerKind::dpmpp_2m || options.kind == SamplerKind::unipc;
  // One more than the steps is spread and left out.
  const std::int64_t spread = options.steps + (multistep ? 1 : 0);
  if (options.steps < 1 || spread > options.noise.train_steps)
    refuse(fmt::format("{} steps are not between 1 and what {} training steps allow", options.steps,
                       options.noise.train_steps),
           "steps", "sampling takes 5 to 100 steps as a rule");
  if (options.offset < 0) refuse("the offset is below zero", "offset", "use 0 or 1");
  if (options.spacing == Spacing::leading) {
    const std::int64_t ratio = options.noise.train_steps / spread, first = (spread - 1) * ratio + options.offset;
    if (first >= options.noise.train_steps)
      refuse(
          fmt::format("leading steps with offset {} begin at training step {}, beyond the last", options.offset, first),
          "offset", "use fewer steps, a smaller offset or trailing spacing");
  }
  if (options.karras && (options.kind == SamplerKind::ddim || options.kind == SamplerKind::euler_ancestral))
    refuse(fmt::format("{} has no Karras noise levels", name), "karras", "leave karras out, or use another sampler");
  if (options.eta < 0 || options.eta > 1 || (options.eta > 0 && options.kind != SamplerKind::ddim))
    refuse("eta is between 0 and 1, and of DDIM alone", "eta", "leave eta out");
  const CleanLimits& limits = options.limits;
  if (limits.clip < 0 || limits.quantile < 0 || limits.quantile > 1 || limits.highest < 1)
    refuse("limits of the clean image: clip >= 0, quantile 0 to 1, highest >= 1", "limits", "leave them out");
}

}  // namespace

const std::vector<std::string>& sampler_names() {
  static const std::vector<std::string> names{"ddim", "euler", "euler_ancestral", "heun", "dpm2", "dpmpp_2m", "unipc"};
  return names;
}

const std::vector<std::string>& spacing_names() {
  static const std::vector<std::string> names{"leading", "trailing", "linspace"};
  return names;
}

const std::vector<std::string>& prediction_names() {
  static const std::vector<std::string> names{"epsilon", "v", "sample"};
  return names;
}

std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options) {
  check(options);
  switch (options.kind) {
    case SamplerKind::ddim:
      return make_ddim(options);
    case SamplerKind::euler:
    case SamplerKind::euler_ancestral:
      return make_euler(options);
    case SamplerKind::heun:
    case SamplerKind::dpm2:
      return make_second_order(options);
    case SamplerKind::dpmpp_2m:
    case SamplerKind::unipc:
      break;
  }
  return make_multistep(options);
}

}  // namespace dynexec
