#include "models/diffusion/layer_plan.hpp"

#include <algorithm>

namespace dynexec::diffusers {

LayerPlan::Kind LayerPlan::kind_of(const std::string& name) const {
  const bool excepted = std::any_of(exceptions.begin(), exceptions.end(),
                                    [&](const std::string& part) { return name.find(part) != std::string::npos; });
  return excepted ? Kind::fp32 : kind;
}

}  // namespace dynexec::diffusers
