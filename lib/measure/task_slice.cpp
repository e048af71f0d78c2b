#include "measure/task_slice.hpp"

namespace dynexec {
namespace {

class Slice : public Task {
 public:
  Slice(std::shared_ptr<const Task> task, std::size_t first, std::size_t count)
      : task_(std::move(task)), first_(first), count_(count) {}
  std::size_t size() const override { return count_; }
  Sample sample(std::size_t index) const override {
    Sample sample = task_->sample(first_ + index);
    sample.index = index;
    return sample;
  }
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override {
    return task_->score(sample, outcome);
  }
  std::string quality_metric() const override { return task_->quality_metric(); }
  bool higher_is_better() const override { return task_->higher_is_better(); }
  std::vector<float> features(const Sample& sample, const Outcome& outcome) const override {
    return task_->features(sample, outcome);
  }
  std::vector<float> reference_features() const override { return task_->reference_features(); }

 private:
  std::shared_ptr<const Task> task_;
  std::size_t first_, count_;
};

}  // namespace

std::shared_ptr<const Task> slice_task(std::shared_ptr<const Task> task, std::size_t first, std::size_t count) {
  return std::make_shared<Slice>(std::move(task), first, count);
}

}  // namespace dynexec
