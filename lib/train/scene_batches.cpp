#include "train/scene_batches.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>

#include <algorithm>
#include <cmath>

#include "data/scenes/labels.hpp"

namespace dynexec {
namespace {

// Nearly normal with deviation 1, at a tenth of the cost: the sum of four bytes (a byte has variance (256^2 - 1) / 12).
float noise(RandomStream& random) {
  static const float scale = 1 / std::sqrt(4 * (256.0F * 256.0F - 1) / 12);
  const std::uint32_t bits = random.next_u32();
  const std::uint32_t sum = (bits & 0xFF) + (bits >> 8 & 0xFF) + (bits >> 16 & 0xFF) + (bits >> 24);
  return (static_cast<float>(sum) - 510) * scale;
}

// Each of `count` values, `stride` apart, gives `share` to either neighbour; at the ends to itself.
void blur_line(float* line, std::int64_t count, std::int64_t stride, float share) {
  float before = line[0];
  for (std::int64_t i = 0; i < count; ++i) {
    const float here = line[i * stride], after = line[std::min(i + 1, count - 1) * stride];
    line[i * stride] = here + share * (before - 2 * here + after);
    before = here;
  }
}

SceneBatch empty_batch(std::int64_t size) {
  const auto labels = static_cast<std::int64_t>(scenes::label_names().size());
  return {at::empty({size, 3, scenes::kImageSize, scenes::kImageSize}), at::empty({size, labels}),
          at::empty({size, labels})};
}

void put(const CaptionedScene& scene, const Disturbance* disturbance, RandomStream& random, std::int64_t row,
         SceneBatch& batch) {
  const std::int64_t values = batch.pictures.size(1) * batch.pictures.size(2) * batch.pictures.size(3);
  const std::span pixels(batch.pictures.mutable_data_ptr<float>() + row * values, static_cast<std::size_t>(values));
  std::copy(scene.pixels.begin(), scene.pixels.end(), pixels.begin());
  if (disturbance) disturb(*disturbance, scenes::kImageSize, random, pixels);
  const scenes::SceneLabels labels = scenes::label_scene(scene.scene);
  const std::int64_t first = row * batch.labels.size(1);
  std::copy(labels.values.begin(), labels.values.end(), batch.labels.mutable_data_ptr<float>() + first);
  std::copy(labels.known.begin(), labels.known.end(), batch.known.mutable_data_ptr<float>() + first);
}

RandomStream disturbances(std::uint64_t seed, std::uint64_t index) {
  constexpr std::uint32_t kApart = 1;  // from the stream that draws the scene itself
  return {seed, index, kApart, static_cast<std::uint32_t>(Purpose::training)};
}

}  // namespace

void disturb(const Disturbance& disturbance, std::int64_t size, RandomStream& random, std::span<float> pixels) {
  const auto blur = static_cast<float>(disturbance.blur * random.uniform());
  const auto light = static_cast<float>(disturbance.light * (2 * random.uniform() - 1));
  const auto strength = static_cast<float>(disturbance.noise * random.uniform());
  const auto area = static_cast<std::size_t>(size * size);
  for (std::size_t plane = 0; blur > 0 && plane < pixels.size(); plane += area)
    for (std::int64_t i = 0; i < size; ++i) blur_line(&pixels[plane] + i * size, size, 1, blur);
  for (std::size_t plane = 0; blur > 0 && plane < pixels.size(); plane += area)
    for (std::int64_t i = 0; i < size; ++i) blur_line(&pixels[plane] + i, size, size, blur);
  for (float& value : pixels) value += light + strength * noise(random);
}

SceneBatch draw_scene_batch(const SceneClassifierOptions& options, std::uint64_t first, std::int64_t size) {
  SceneOptions source = options.scenes;
  source.split = Split::train;
  SceneBatch batch = empty_batch(size);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(i);
    RandomStream random = disturbances(options.scenes.seed, index);
    put(draw_captioned_scene(source, index, Purpose::training), &options.disturbance, random, i, batch);
  }
  return batch;
}

SceneBatch scene_batch(std::span<const CaptionedScene> scenes, const Disturbance* disturbance, std::uint64_t seed) {
  SceneBatch batch = empty_batch(static_cast<std::int64_t>(scenes.size()));
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    RandomStream random = disturbances(seed, i);
    put(scenes[i], disturbance, random, static_cast<std::int64_t>(i), batch);
  }
  return batch;
}

PictureLabels scene_picture_labels() {
  PictureLabels labels{.names = scenes::label_names(), .groups = {}};
  for (const scenes::LabelGroup& group : scenes::label_groups())
    labels.groups.push_back({group.name, group.first, group.count, group.exclusive});
  return labels;
}

at::Tensor scene_loss(const PictureLabels& labels, const at::Tensor& logits, const SceneBatch& batch) {
  at::Tensor loss = at::zeros({});
  const auto rows = static_cast<double>(logits.size(0));
  for (const PictureLabels::Group& group : labels.groups) {
    const auto part = [&](const at::Tensor& all) {
      return all.narrow(1, static_cast<std::int64_t>(group.first), static_cast<std::int64_t>(group.count));
    };
    loss = loss + (group.exclusive ? at::cross_entropy_loss(part(logits), part(batch.labels).argmax(1))
                                   : at::binary_cross_entropy_with_logits(part(logits), part(batch.labels),
                                                                          part(batch.known), {}, at::Reduction::Sum) /
                                         rows);
  }
  return loss;
}

}  // namespace dynexec
