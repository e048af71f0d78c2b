#include "measure/hardware/governor.hpp"

#include <cmath>

#include "base/error.hpp"

namespace dynexec {

const std::vector<std::string>& governor_names() {
  static const std::vector<std::string> names{"none", "published", "budget", "constant"};
  return names;
}

GovernorRule governor_rule(const std::string& name) {
  for (std::size_t i = 0; i < governor_names().size(); ++i)
    if (governor_names()[i] == name) return static_cast<GovernorRule>(i);
  throw Error(ErrorKind::internal, "unknown governor '" + name + "'", "", "");
}

Governor::Governor(GovernorOptions options, std::vector<double> mhz, double switch_ms)
    : options_(std::move(options)), mhz_(std::move(mhz)), switch_ms_(switch_ms), base_level_(mhz_.size() - 1) {}

std::size_t Governor::nearest(double mhz) const {
  std::size_t best = 0;
  for (std::size_t level = 1; level < mhz_.size(); ++level)
    if (std::abs(mhz_[level] - mhz) <= std::abs(mhz_[best] - mhz)) best = level;
  return best;
}

// Never the nearest level but one that is fast enough; of these the one of least energy, since below some frequency the
// static power of the longer time outweighs what the lower voltage saves.
std::size_t Governor::within_budget(const JumpForecast& forecast) const {
  const double allowed = forecast.left_ms - options_.reserve.value_or(1) * forecast.behind_ms;
  std::size_t best = top();
  for (std::size_t level = top(); level-- > 0;) {
    // There, and back to the highest level when the sample is done or the forecast was wrong.
    const double changes = (level != forecast.current ? 1 : 0) + 1;
    if (forecast.jump_ms(level) + changes * switch_ms_ > allowed) continue;
    if (forecast.jump_joules && forecast.jump_joules(level) >= forecast.jump_joules(best)) continue;
    best = level;
  }
  return best;
}

std::size_t Governor::choose(const JumpForecast& forecast) const {
  switch (options_.rule) {
    case GovernorRule::published:
      if (forecast.exits_left <= 0) return top();
      return nearest(mhz_.back() * static_cast<double>(forecast.jump) / static_cast<double>(forecast.exits_left));
    case GovernorRule::budget:
      return within_budget(forecast);
    case GovernorRule::none:
    case GovernorRule::constant:
      break;
  }
  return base_level_;
}

}  // namespace dynexec
