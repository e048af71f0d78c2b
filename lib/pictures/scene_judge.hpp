// What a frozen classifier sees in pictures of scenes.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/scenes/promises.hpp"
#include "models/noise_network.hpp"
#include "models/picture_classifier.hpp"

namespace dynexec {

class SceneJudgement {
 public:
  explicit SceneJudgement(PictureJudgement seen) : seen_(std::move(seen)) {}

  // Share of the promises that hold.
  double accuracy(const scenes::Promises& promises) const;
  // Perceptual distance (image/feature_distance.hpp).
  double distance(const SceneJudgement& other) const;
  const std::vector<float>& features() const { return seen_.features; }

 private:
  PictureJudgement seen_;
};

class SceneJudge {
 public:
  // Error(model) for a folder that is no classifier of scenes' labels, or of pictures of another shape.
  SceneJudge(const std::filesystem::path& folder, const ImageShape& pictures);

  SceneJudgement judge(std::span<const float> pixels) const;  // in -1 to 1
  const PictureClassifier& classifier() const { return *classifier_; }

 private:
  std::shared_ptr<const PictureClassifier> classifier_;
};

}  // namespace dynexec
