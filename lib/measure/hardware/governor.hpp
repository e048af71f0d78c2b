// Which operating point to run the layers between two tests at.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dynexec {

enum class GovernorRule {
  none,       // the highest frequency throughout
  published,  // Predictive Exit: f* = f_max jump / (exits left), the nearest level
  budget,     // f* = f_max T(jump) / (time left), the time tracked and a reserve kept for missed forecasts
  constant,   // one level for everything, chosen on calibration inputs: what no forecast is needed for
};
const std::vector<std::string>& governor_names();
GovernorRule governor_rule(const std::string& name);  // one of governor_names()

struct GovernorOptions {
  GovernorRule rule = GovernorRule::none;
  double deadline = 1;  // budget, constant: times the plain network's time at the highest frequency
  // budget: share of the work behind the forecast exit for which time is kept, should the forecast be wrong. 0: none is
  // kept, and a miss ends late. 1: no input ends later than the deadline or, where that is later still, than at the
  // highest frequency. Unset: chosen on calibration inputs so that their mean meets the deadline.
  std::optional<double> reserve;
};

// What is known when a forecast has been made. Times are those at the highest frequency unless said otherwise.
struct JumpForecast {
  std::int64_t jump = 0;        // exits to the next test
  std::int64_t exits_left = 0;  // behind the exit that was tested last, the network's end not counted
  double behind_ms = 0;         // everything behind the next test, its heads and forecasts included
  double left_ms = 0;           // until the deadline
  std::size_t current = 0;      // level
  std::function<double(std::size_t level)> jump_ms;      // layers to the next test and the head there
  std::function<double(std::size_t level)> jump_joules;  // may be empty: the lowest level that is fast enough is best
};

class Governor {
 public:
  // mhz: the levels, ascending. switch_ms: of a change of level.
  Governor(GovernorOptions options, std::vector<double> mhz, double switch_ms);

  const GovernorOptions& options() const { return options_; }
  std::size_t top() const { return mhz_.size() - 1; }
  // Of work without a forecast.
  std::size_t base_level() const { return base_level_; }
  std::size_t choose(const JumpForecast& forecast) const;

  // Set by calibration.
  void set_reserve(double reserve) { options_.reserve = reserve; }
  void set_base_level(std::size_t level) { base_level_ = level; }

 private:
  std::size_t nearest(double mhz) const;
  std::size_t within_budget(const JumpForecast& forecast) const;

  GovernorOptions options_;
  std::vector<double> mhz_;
  double switch_ms_;
  std::size_t base_level_;
};

}  // namespace dynexec
