// Where a rule is asked next: the part of a navigator that chooses the exits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/early_exit/exit_rule.hpp"
#include "experiments/early_exit/navigator.hpp"

namespace dynexec::early_exit {

// What a test said, and what was at stake.
struct Tested {
  std::size_t exit = 0;
  const ExitSignals& signals;
  double score = 0;
};

struct Next {
  std::size_t exit = 0;
  std::optional<Forecast> forecast = std::nullopt;
  double macs = 0;  // of the forecast
};

class Course {
 public:
  virtual ~Course() = default;
  // The exits that may be tested, as far as they are known before fit().
  virtual std::vector<std::size_t> candidates() const = 0;
  // rule: fitted; threshold: of its score.
  virtual void fit(const FitData& data, ExitRule& rule, double threshold) { (void)data, (void)rule, (void)threshold; }
  virtual void start() {}
  virtual std::size_t first() const = 0;
  // Whether to leave; passes: the score reached the threshold.
  virtual bool leaves(const Tested& tested, bool passes) const {
    (void)tested;
    return passes;
  }
  // rule: to ask about forecast logits.
  virtual Next next(const Tested& tested, ExitRule& rule, double threshold) = 0;
  virtual std::unique_ptr<Course> clone() const = 0;
};

// One exit after the other; ascending.
std::unique_ptr<Course> listed(std::vector<std::size_t> exits, std::size_t network_exits);

// Engines of Predictive Exit (arXiv 2206.04685), for networks of `exits` exits.
struct EngineOptions {
  std::string name = "convolution";
  std::size_t start_exit = 0;
  std::int64_t reach = 8;  // exits that a forecast looks ahead
};
// convolution: the published one. The logits are convolved with [1, 1, 1] along the classes, once for each exit ahead,
// until the rule passes them; 2 additions a class and round are counted as multiply-accumulates. zero_hold: the score
// stays as it is, so the next exit is tested. first_hold: the line through the last two scores, until it is above the
// threshold. Nothing in reach: as far as the reach goes.
std::unique_ptr<Course> make_engine(const EngineOptions& options, std::size_t exits);

// A rule that is asked along a course. single_jump: the exit after the first forecast is left whatever it says.
std::unique_ptr<Navigator> along(std::unique_ptr<Course> course, std::unique_ptr<ExitRule> rule, double threshold,
                                 bool single_jump = false);

}  // namespace dynexec::early_exit
