#include "diffusion/timesteps.hpp"

#include <algorithm>
#include <cmath>

namespace dynexec {
namespace {

// 0 to last, `count` of them, from the last down; halves are rounded to even numbers.
std::vector<double> down_to_zero(double last, std::int64_t count, bool whole) {
  std::vector<double> steps;
  for (std::int64_t i = count - 1; i >= 0; --i) {
    // One step is step 0.
    const double at = count > 1 ? last * static_cast<double>(i) / static_cast<double>(count - 1) : 0;
    steps.push_back(whole ? std::nearbyint(at) : at);
  }
  return steps;
}

std::vector<double> multiples(std::int64_t ratio, std::int64_t count, std::int64_t offset) {
  std::vector<double> steps;
  for (std::int64_t i = count - 1; i >= 0; --i) steps.push_back(static_cast<double>(i * ratio + offset));
  return steps;
}

std::vector<double> trailing(std::int64_t steps, std::int64_t train_steps) {
  const double all = static_cast<double>(train_steps), ratio = all / static_cast<double>(steps);
  std::vector<double> result;
  for (std::int64_t i = 0; i < steps; ++i) result.push_back(std::nearbyint(all - static_cast<double>(i) * ratio) - 1);
  return result;
}

}  // namespace

std::vector<double> spread_steps(Spacing spacing, std::int64_t steps, std::int64_t train_steps, std::int64_t offset,
                                 bool whole) {
  switch (spacing) {
    case Spacing::leading:
      return multiples(train_steps / steps, steps, offset);
    case Spacing::trailing:
      return trailing(steps, train_steps);
    case Spacing::linspace:
      break;
  }
  return down_to_zero(static_cast<double>(train_steps - 1), steps, whole);
}

std::vector<double> spread_steps_open(Spacing spacing, std::int64_t steps, std::int64_t train_steps,
                                      std::int64_t offset) {
  if (spacing == Spacing::trailing) return trailing(steps, train_steps);
  std::vector<double> all = spacing == Spacing::leading
                                ? multiples(train_steps / (steps + 1), steps + 1, offset)
                                : down_to_zero(static_cast<double>(train_steps - 1), steps + 1, true);
  all.pop_back();
  return all;
}

}  // namespace dynexec
