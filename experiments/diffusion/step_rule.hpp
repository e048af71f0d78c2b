// How many steps a picture gets, decided before its first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/diffusion/options.hpp"
#include "experiments/diffusion/picture_task.hpp"

namespace dynexec::diffusion {

struct Forecast {
  std::int64_t steps = 0;
  double macs = 0, weight_bytes = 0;  // of making it
};

class StepRule {
 public:
  virtual ~StepRule() = default;
  // Untimed.
  virtual void prepare() {}
  virtual Forecast forecast(const Sample& sample) const = 0;
};

struct Shared;  // path.hpp

std::unique_ptr<StepRule> make_step_rule(const std::shared_ptr<const Shared>& shared, const PathOptions& options);

}  // namespace dynexec::diffusion
