// The engines of Predictive Exit that forecast from one input alone.
#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "experiments/early_exit/course.hpp"

namespace dynexec::early_exit {
namespace {

class Engine : public Course {
 public:
  Engine(const EngineOptions& options, std::size_t exits)
      : start_exit_(options.start_exit), exits_(exits), reach_(static_cast<std::size_t>(options.reach)) {}

  std::vector<std::size_t> candidates() const override {
    std::vector<std::size_t> all(exits_ - start_exit_);
    std::iota(all.begin(), all.end(), start_exit_);
    return all;
  }
  std::size_t first() const override { return start_exit_; }

 protected:
  // The exit that lies `jump` behind, whose scale a forecast is held against.
  std::size_t behind(std::size_t exit, std::size_t jump) const { return std::min(exit + jump, exits_ - 1); }
  std::size_t reach() const { return reach_; }
  std::size_t exits() const { return exits_; }

  // jump: 1 to reach(). The last exit is tested before the network's end is asked.
  Next to(std::size_t exit, std::size_t jump, double macs) const {
    if (exit + 1 == exits_) return {.exit = exits_};
    const std::size_t target = behind(exit, jump);
    return {.exit = target, .forecast = Forecast{.exit = target, .or_later = jump == reach_}, .macs = macs};
  }

 private:
  std::size_t start_exit_, exits_, reach_;
};

class Convolution : public Engine {
 public:
  using Engine::Engine;
  Next next(const Tested& tested, ExitRule& rule, double threshold) override {
    if (tested.exit + 1 == exits()) return to(tested.exit, 1, 0);
    values_.assign(tested.signals.logits.begin(), tested.signals.logits.end());
    const double round_macs = 2 * static_cast<double>(values_.size());
    for (std::size_t jump = 1; jump <= reach(); ++jump) {
      convolve();
      // Strictly above, as in the authors' code.
      if (rule.score(behind(tested.exit, jump), exit_signals(values_)) > threshold)
        return to(tested.exit, jump, static_cast<double>(jump) * round_macs);
    }
    return to(tested.exit, reach(), static_cast<double>(reach()) * round_macs);
  }
  std::unique_ptr<Course> clone() const override { return std::make_unique<Convolution>(*this); }

 private:
  // Every value becomes the sum of itself and its neighbours.
  void convolve() {
    float before = 0;
    for (std::size_t k = 0; k < values_.size(); ++k) {
      const float here = values_[k], after = k + 1 < values_.size() ? values_[k + 1] : 0;
      values_[k] = before + here + after;
      before = here;
    }
  }
  std::vector<float> values_;
};

class ZeroHold : public Engine {
 public:
  using Engine::Engine;
  Next next(const Tested& tested, ExitRule&, double) override { return {.exit = tested.exit + 1}; }
  std::unique_ptr<Course> clone() const override { return std::make_unique<ZeroHold>(*this); }
};

class FirstHold : public Engine {
 public:
  using Engine::Engine;
  void start() override { known_ = false; }
  Next next(const Tested& tested, ExitRule&, double threshold) override {
    const double before = last_score_, steps = static_cast<double>(tested.exit - last_exit_);
    const bool line = known_;
    known_ = true;
    last_exit_ = tested.exit;
    last_score_ = tested.score;
    if (!line) return {.exit = tested.exit + 1};
    const double slope = (tested.score - before) / steps;
    for (std::size_t jump = 1; jump < reach(); ++jump)
      if (tested.score + slope * static_cast<double>(jump) >= threshold) return to(tested.exit, jump, 1);
    return to(tested.exit, reach(), 1);
  }
  std::unique_ptr<Course> clone() const override { return std::make_unique<FirstHold>(*this); }

 private:
  bool known_ = false;
  std::size_t last_exit_ = 0;
  double last_score_ = 0;
};

}  // namespace

std::unique_ptr<Course> make_engine(const EngineOptions& options, std::size_t exits) {
  if (options.name == "convolution") return std::make_unique<Convolution>(options, exits);
  if (options.name == "zero_hold") return std::make_unique<ZeroHold>(options, exits);
  if (options.name == "first_hold") return std::make_unique<FirstHold>(options, exits);
  throw Error(ErrorKind::internal, "unknown engine '" + options.name + "'", "", "");
}

}  // namespace dynexec::early_exit
