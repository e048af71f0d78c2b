// Scenes as a classifier is trained and evaluated on them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "models/picture_classifier.hpp"
#include "train/scene_classifier_options.hpp"

namespace dynexec {

struct SceneBatch {
  at::Tensor pictures;       // [batch, 3, 32, 32]
  at::Tensor labels, known;  // [batch, labels], 0 or 1; see scenes::SceneLabels
};

// Blurs, lights and then adds noise to a picture [3, size, size]; values may leave [0, 1].
void disturb(const Disturbance& disturbance, std::int64_t size, RandomStream& random, std::span<float> pixels);

// Scenes [first, first + size) of the endless stream, disturbed.
SceneBatch draw_scene_batch(const SceneClassifierOptions& options, std::uint64_t first, std::int64_t size);
// Scenes that were drawn; disturbed by their number if there is a disturbance.
SceneBatch scene_batch(std::span<const CaptionedScene> scenes, const Disturbance* disturbance, std::uint64_t seed);

// The labels of scenes in the words of lib/models.
PictureLabels scene_picture_labels();

// The mean over the batch of the sum over groups and labels: cross-entropy of an exclusive group's softmax, binary
// cross-entropy of each other label that is known.
at::Tensor scene_loss(const PictureLabels& labels, const at::Tensor& logits, const SceneBatch& batch);

}  // namespace dynexec
