// The model in int8 or int4, which paths may draw with instead of the one in fp32.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "experiments/diffusion/options.hpp"
#include "measure/contract.hpp"
#include "pictures/picture_model.hpp"

namespace dynexec::diffusion {

// Pictures of the first calibration samples, for every sampler and guidance of the quantised paths. `drawn`, which may
// be empty, is called for each picture.
CalibrationDrawing calibration_drawing(std::shared_ptr<const Task> calibration, std::vector<PathOptions> paths,
                                       const Quantisation& quantisation, std::function<void()> drawn = nullptr);

// Learnt when they are first asked for, once for all formats.
class LearntRanges {
 public:
  using Learn = std::function<PictureRanges()>;
  explicit LearntRanges(Learn learn) : learn_(std::move(learn)) {}

  // For one thread at a time.
  const PictureRanges& get() {
    if (!ranges_) ranges_ = learn_();
    return ranges_;
  }

 private:
  Learn learn_;
  PictureRanges ranges_;
};

// Loaded when it is first asked for, once for all paths in a format.
class QuantisedModel {
 public:
  using Load = std::function<std::shared_ptr<const PictureModel>()>;
  explicit QuantisedModel(Load load) : load_(std::move(load)) {}

  // For one thread at a time.
  const PictureModel& get() {
    if (!model_) model_ = load_();
    return *model_;
  }

 private:
  Load load_;
  std::shared_ptr<const PictureModel> model_;
};

}  // namespace dynexec::diffusion
