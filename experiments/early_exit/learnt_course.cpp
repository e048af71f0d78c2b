// The course along a learnt plan.
#include <numeric>

#include "base/error.hpp"
#include "experiments/early_exit/learnt_plan.hpp"
#include "experiments/early_exit/recorded.hpp"

namespace dynexec::early_exit {
namespace {

class Learnt : public Course {
 public:
  Learnt(const PlanOptions& options, Saving saving, std::size_t exits)
      : options_(options), saving_(saving), exits_(exits) {}

  std::vector<std::size_t> candidates() const override {
    std::vector<std::size_t> all(exits_);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }

  void fit(const FitData& data, ExitRule& rule, double threshold) override {
    const RecordedExits& recorded = data.recorded;
    PartPrices prices = part_prices(data, saving_);
    PlanData plan{.samples = recorded.samples(),
                  .exits = exits_,
                  .scores = {},
                  .agrees = {},
                  .layers = std::move(prices.layers),
                  .heads = std::move(prices.heads),
                  .threshold = threshold};
    for (std::size_t i = 0; i < recorded.samples(); ++i) {
      const int answer = exit_signals(recorded.logits(i, exits_)).label;
      rule.start();
      for (std::size_t exit = 0; exit < exits_; ++exit) {
        const ExitSignals signals = exit_signals(recorded.logits(i, exit));
        plan.scores.push_back(rule.score(exit, signals));
        plan.agrees.push_back(rule.label(signals) == answer ? 1 : 0);
      }
    }
    plan_ = std::make_shared<const LearntPlan>(plan, options_);
  }

  std::size_t first() const override { return plan().first(); }
  bool leaves(const Tested& tested, bool) const override { return plan().at(tested.exit, tested.score).leave; }
  Next next(const Tested& tested, ExitRule&, double) override {
    const LearntPlan::State& state = plan().at(tested.exit, tested.score);
    return {.exit = state.next, .forecast = Forecast{.exit = state.likely}};
  }
  std::unique_ptr<Course> clone() const override { return std::make_unique<Learnt>(*this); }

 private:
  const LearntPlan& plan() const {
    if (!plan_) throw Error(ErrorKind::internal, "a learnt course that nothing was learnt for", "", "");
    return *plan_;
  }

  PlanOptions options_;
  Saving saving_;
  std::size_t exits_;
  std::shared_ptr<const LearntPlan> plan_;
};

}  // namespace

std::unique_ptr<Course> learnt_course(const PlanOptions& options, Saving saving, std::size_t exits) {
  return std::make_unique<Learnt>(options, saving, exits);
}

}  // namespace dynexec::early_exit
