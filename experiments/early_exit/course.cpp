#include "experiments/early_exit/course.hpp"

#include <algorithm>

namespace dynexec::early_exit {
namespace {

class Listed : public Course {
 public:
  Listed(std::vector<std::size_t> exits, std::size_t network_exits) : exits_(std::move(exits)), end_(network_exits) {}
  std::vector<std::size_t> candidates() const override { return exits_; }
  std::size_t first() const override { return exits_.empty() ? end_ : exits_.front(); }
  Next next(const Tested& tested, ExitRule&, double) override {
    const auto behind = std::upper_bound(exits_.begin(), exits_.end(), tested.exit);
    return {.exit = behind == exits_.end() ? end_ : *behind};
  }
  std::unique_ptr<Course> clone() const override { return std::make_unique<Listed>(*this); }

 private:
  std::vector<std::size_t> exits_;
  std::size_t end_;
};

class Along : public Navigator {
 public:
  Along(std::unique_ptr<Course> course, std::unique_ptr<ExitRule> rule, double threshold, bool single_jump)
      : course_(std::move(course)), rule_(std::move(rule)), threshold_(threshold), single_jump_(single_jump) {}

  void fit(const FitData& data) override {
    rule_->fit(data.recorded, course_->candidates());
    course_->fit(data, *rule_, threshold_);
  }
  Entry enter(const Streams&) override {
    rule_->start();
    course_->start();
    jumped_ = false;
    return {course_->first()};
  }
  Decision decide(std::size_t exit, const ExitSignals& signals) override {
    const Tested tested{.exit = exit, .signals = signals, .score = rule_->score(exit, signals)};
    Decision decision{.leave = jumped_ || course_->leaves(tested, tested.score >= threshold_),
                      .label = rule_->label(signals),
                      .score = tested.score};
    if (decision.leave) return decision;
    const Next next = course_->next(tested, *rule_, threshold_);
    decision.next = next.exit;
    decision.forecast = next.forecast;
    decision.macs = next.macs;
    jumped_ = single_jump_;
    return decision;
  }
  std::optional<bool> passes(std::size_t exit, const ExitSignals& signals) override {
    if (rule_->remembers()) return std::nullopt;
    const Tested tested{.exit = exit, .signals = signals, .score = rule_->score(exit, signals)};
    return course_->leaves(tested, tested.score >= threshold_);
  }
  std::unique_ptr<Navigator> clone() const override {
    return std::make_unique<Along>(course_->clone(), rule_->clone(), threshold_, single_jump_);
  }

 private:
  std::unique_ptr<Course> course_;
  std::unique_ptr<ExitRule> rule_;
  double threshold_;
  bool single_jump_, jumped_ = false;
};

}  // namespace

std::unique_ptr<Course> listed(std::vector<std::size_t> exits, std::size_t network_exits) {
  return std::make_unique<Listed>(std::move(exits), network_exits);
}

std::unique_ptr<Navigator> along(std::unique_ptr<Course> course, std::unique_ptr<ExitRule> rule, double threshold,
                                 bool single_jump) {
  return std::make_unique<Along>(std::move(course), std::move(rule), threshold, single_jump);
}

}  // namespace dynexec::early_exit
