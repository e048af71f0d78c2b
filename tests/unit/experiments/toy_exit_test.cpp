// A network and a rule of one's own: all that a new one has to say.
#include <doctest/doctest.h>

#include "experiments/early_exit/course.hpp"
#include "experiments/early_exit/walk.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;

namespace {

// Finds out whether a number is even, more surely with every exit.
class Parity : public MultiExit {
 public:
  std::size_t exits() const override { return 3; }
  std::size_t classes() const override { return 2; }
  double memory_bytes() const override { return 0; }
  void start(const std::any& input) override { number_ = std::any_cast<int>(input), done_ = 0, cost_ = {}; }
  void run_layers_to(std::size_t exit) override {
    for (; done_ <= exit; ++done_) cost_.macs += 1000;
  }
  std::span<const float> logits(std::size_t exit) override {
    run_layers_to(exit);
    cost_.macs += 1;
    logits_[0] = logits_[1] = 0;
    logits_[number_ % 2] = static_cast<float>(exit + 1);
    return logits_;
  }
  const Cost& cost() const override { return cost_; }

 private:
  int number_ = 0;
  std::size_t done_ = 0;
  float logits_[2] = {};
  Cost cost_;
};

// Leaves at the exit whose logit for the answer is high enough.
class Height : public ExitRule {
 public:
  double score(std::size_t, const ExitSignals& signals) override {
    return signals.logits[static_cast<std::size_t>(signals.label)];
  }
  std::unique_ptr<ExitRule> clone() const override { return std::make_unique<Height>(*this); }
};

}  // namespace

TEST_CASE("a toy network and a toy rule") {
  Parity network;
  const auto navigator = along(listed({0, 1, 2}, 3), std::make_unique<Height>(), 2);
  const Walk taken = walk(network, *navigator, std::any(7));
  CHECK(taken.exit == 1);
  CHECK(taken.label == 1);
  CHECK(taken.cost.macs == 2002);
}
