#include "train/training_images.hpp"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/resource_path.hpp"
#include "data/shapes/field.hpp"

namespace dynexec {
namespace {

ImageBatch empty_batch(const LabelledImages& images, std::int64_t size) {
  return {at::empty({size, images.channels, images.height, images.width}), at::empty({size}, at::kLong)};
}

}  // namespace

TrainingImages::TrainingImages(const ImageSourceOptions& options, const CnnConfig& network) : options_(options) {
  const bool shapes = options.format == "shapes";
  if (shapes) {
    options_.shapes.split = Split::calibration;
    held_out_ = draw_shapes(options_.shapes, 0, options.evaluation);
    options_.shapes.split = Split::train;
  } else {
    std::vector<std::filesystem::path> paths;
    for (const std::string& name : options.files) paths.push_back(resolve_path(name));
    files_ = read_images(options.format, paths);
  }
  const LabelledImages& images = shapes ? held_out_ : files_;
  if (images.channels != network.in_channels || images.height != network.image_size ||
      images.width != network.image_size)
    throw Error(ErrorKind::config,
                fmt::format("images of {} x {} x {} for a network of {} x {} x {}", images.channels, images.height,
                            images.width, network.in_channels, network.image_size, network.image_size),
                "data", "use images of the network's size");
  for (const int label : images.labels)
    if (label >= network.classes)
      throw Error(ErrorKind::data, fmt::format("label {} for a network of {} classes", label, network.classes), "data",
                  "use the data that the network was made for");
  if (shapes) return;
  const auto available = static_cast<std::int64_t>(files_.size()) - options.first;
  training_ = options.samples > 0 ? options.samples : available - options.evaluation;
  if (training_ < 1 || training_ + options.evaluation > available)
    throw Error(
        ErrorKind::config,
        fmt::format("{} images cannot give {} to train and {} to evaluate", available, training_, options.evaluation),
        "data.samples", "lower samples or evaluation, or name more files");
}

void TrainingImages::copy(const LabelledImages& images, std::size_t index, bool mirrored, ImageBatch& batch,
                          std::int64_t row) {
  std::vector<float> pixels = images.image(index);
  if (mirrored)
    for (auto at = pixels.begin(); at != pixels.end(); at += images.width) std::reverse(at, at + images.width);
  std::copy(pixels.begin(), pixels.end(),
            batch.images.mutable_data_ptr<float>() + row * static_cast<std::int64_t>(pixels.size()));
  batch.labels.mutable_data_ptr<std::int64_t>()[row] = images.labels[index];
}

ImageBatch TrainingImages::batch(std::int64_t step, std::int64_t size, std::uint64_t seed) const {
  if (options_.format == "shapes") {
    const LabelledImages drawn = draw_shapes(options_.shapes, static_cast<std::uint64_t>(step * size), size);
    ImageBatch batch = empty_batch(drawn, size);
    for (std::int64_t i = 0; i < size; ++i) copy(drawn, static_cast<std::size_t>(i), false, batch, i);
    return batch;
  }
  RandomStream random(seed, static_cast<std::uint64_t>(step), 0, static_cast<std::uint32_t>(Purpose::training));
  ImageBatch batch = empty_batch(files_, size);
  for (std::int64_t i = 0; i < size; ++i) {
    const auto index = static_cast<std::uint64_t>(options_.first) + random.below(static_cast<std::uint64_t>(training_));
    copy(files_, static_cast<std::size_t>(index), options_.flip && random.below(2) == 1, batch, i);
  }
  return batch;
}

ImageBatch TrainingImages::evaluation_batch(std::int64_t first, std::int64_t size) const {
  const bool shapes = options_.format == "shapes";
  const LabelledImages& images = shapes ? held_out_ : files_;
  const std::int64_t begin = first + (shapes ? 0 : options_.first + training_);
  ImageBatch batch = empty_batch(images, size);
  for (std::int64_t i = 0; i < size; ++i) copy(images, static_cast<std::size_t>(begin + i), false, batch, i);
  return batch;
}

std::string TrainingImages::describe() const {
  if (options_.format == "shapes")
    return fmt::format("procedural shapes, each seen once, difficulties 1 to {} mixed {}, seed {}", kShapeDifficulties,
                       fmt::join(options_.shapes.mix, " : "), options_.shapes.seed);
  return fmt::format("{} of {} files ({}), from {} on{}", training_, options_.files.size(), options_.format,
                     options_.first, options_.flip ? ", half of them mirrored" : "");
}

}  // namespace dynexec
