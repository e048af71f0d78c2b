#include "experiments/early_exit/navigator.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace dynexec::early_exit {
namespace {

// Leaves where it goes first.
class Straight : public Navigator {
 public:
  Decision decide(std::size_t, const ExitSignals& signals) override { return {.leave = true, .label = signals.label}; }
};

class Always : public Straight {
 public:
  explicit Always(std::size_t exit) : exit_(exit) {}
  Entry enter(const Streams&) override { return {exit_}; }
  std::unique_ptr<Navigator> clone() const override { return std::make_unique<Always>(*this); }

 private:
  std::size_t exit_;
};

class AtRandom : public Straight {
 public:
  explicit AtRandom(std::vector<double> histogram) : cumulative_(std::move(histogram)) {
    std::partial_sum(cumulative_.begin(), cumulative_.end(), cumulative_.begin());
  }
  Entry enter(const Streams& streams) override {
    const double at = streams.stream(Purpose::sampling).uniform() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, at);
    return {static_cast<std::size_t>(found - cumulative_.begin())};
  }
  std::unique_ptr<Navigator> clone() const override { return std::make_unique<AtRandom>(*this); }

 private:
  std::vector<double> cumulative_;
};

class WithHindsight : public Straight {
 public:
  explicit WithHindsight(std::vector<Entry> entries)
      : entries_(std::make_shared<const std::vector<Entry>>(std::move(entries))) {}
  Entry enter(const Streams& streams) override {
    if (streams.sample >= entries_->size()) throw Error(ErrorKind::internal, "no hindsight of this sample", "", "");
    return (*entries_)[streams.sample];
  }
  std::unique_ptr<Navigator> clone() const override { return std::make_unique<WithHindsight>(*this); }

 private:
  std::shared_ptr<const std::vector<Entry>> entries_;
};

}  // namespace

std::unique_ptr<Navigator> always(std::size_t exit) {
  return std::make_unique<Always>(exit);
}
std::unique_ptr<Navigator> at_random(std::vector<double> histogram) {
  return std::make_unique<AtRandom>(std::move(histogram));
}
std::unique_ptr<Navigator> with_hindsight(std::vector<Entry> entries) {
  return std::make_unique<WithHindsight>(std::move(entries));
}

}  // namespace dynexec::early_exit
