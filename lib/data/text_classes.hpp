// Classification of texts: the quality is accuracy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measure/contract.hpp"

namespace dynexec {

struct LabelledText {
  std::string text;
  int label = -1;
};

class TextClassTask : public Task {
 public:
  // The samples' inputs are LabelledText.
  explicit TextClassTask(std::vector<Sample> samples) : samples_(std::move(samples)) {}

  std::size_t size() const override { return samples_.size(); }
  Sample sample(std::size_t index) const override { return samples_.at(index); }
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override;
  std::string quality_metric() const override { return "accuracy"; }

 private:
  std::vector<Sample> samples_;
};

}  // namespace dynexec
