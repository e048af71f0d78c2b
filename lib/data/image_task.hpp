// Classification of labelled images: the quality is accuracy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/labelled_images.hpp"
#include "measure/contract.hpp"

namespace dynexec {

struct ImageInput {
  std::vector<float> pixels;  // [channels, height, width] in [0, 1]
  int label = -1;
};

class ImageTask : public Task {
 public:
  // Images [first, first + samples) of `images`; samples 0: all behind `first`. group_names: what the label columns
  // show (empty: the label). Error(data) when there are not that many.
  ImageTask(std::shared_ptr<const LabelledImages> images, std::int64_t first, std::int64_t samples,
            std::vector<std::string> class_names);

  std::size_t size() const override { return count_; }
  Sample sample(std::size_t index) const override;
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override;
  std::string quality_metric() const override { return "accuracy"; }

 private:
  std::shared_ptr<const LabelledImages> images_;
  std::size_t first_ = 0, count_ = 0;
  std::vector<std::string> class_names_;
};

}  // namespace dynexec
