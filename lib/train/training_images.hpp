// The images that a classifier is trained and evaluated on: files, or the procedural task.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "data/labelled_images.hpp"
#include "models/cnn_config.hpp"
#include "train/exit_options.hpp"

namespace dynexec {

struct ImageBatch {
  at::Tensor images;  // [batch, channels, size, size] in [0, 1]
  at::Tensor labels;  // [batch] int64
};

class TrainingImages {
 public:
  // Error(config) when the images do not fit the network, or are too few.
  TrainingImages(const ImageSourceOptions& options, const CnnConfig& network);

  // The batch of a step: images drawn at random from the files, or the next of the procedural stream.
  ImageBatch batch(std::int64_t step, std::int64_t size, std::uint64_t seed) const;
  // Images that are not trained on, from `first` below evaluation().
  ImageBatch evaluation_batch(std::int64_t first, std::int64_t size) const;
  std::int64_t evaluation() const { return options_.evaluation; }
  // For the card.
  std::string describe() const;

 private:
  static void copy(const LabelledImages& images, std::size_t index, bool mirrored, ImageBatch& batch, std::int64_t row);

  ImageSourceOptions options_;
  LabelledImages files_, held_out_;
  std::int64_t training_ = 0;
};

}  // namespace dynexec
