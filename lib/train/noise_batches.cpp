#include "train/noise_batches.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kColours = 3;
// Streams of their own: from that of repetition 0 the scene is drawn, and noise from the same bits would tell of it.
constexpr std::uint32_t kOfBatch = 1, kOfNoise = 2;

at::Tensor tensor_of(const std::vector<float>& values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

}  // namespace

NoiseBatches::NoiseBatches(const NoiseTrainOptions& options, std::shared_ptr<const Tokenizer> tokenizer)
    : options_(options),
      tokenizer_(std::move(tokenizer)),
      schedule_(options.noise),
      positions_(options.text.at("max_position_embeddings").get<std::int64_t>()),
      no_text_(tokenizer_->encode("", true)) {}

NoiseBatches::Drawn NoiseBatches::draw(const SceneOptions& scenes, std::uint64_t first, std::int64_t rows,
                                       double no_text) const {
  Drawn drawn;
  const auto count = static_cast<std::size_t>(rows * kColours * scenes::kImageSize * scenes::kImageSize);
  drawn.pixels.reserve(count);
  drawn.noise.reserve(count);
  RandomStream shared(options_.seed, first, kOfBatch, static_cast<std::uint32_t>(Purpose::training));
  const double offset = shared.uniform();
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(row);
    const CaptionedScene scene = draw_captioned_scene(scenes, index, Purpose::training);
    for (const float value : scene.pixels) drawn.pixels.push_back(2 * value - 1);
    RandomStream random(options_.seed, index, kOfNoise, static_cast<std::uint32_t>(Purpose::training));
    const bool silent = random.uniform() < no_text;
    for (std::size_t i = 0; i < scene.pixels.size(); ++i) drawn.noise.push_back(static_cast<float>(random.normal()));
    const double share = (static_cast<double>(row) + offset) / static_cast<double>(rows);
    drawn.times.push_back(static_cast<float>(std::floor(share * static_cast<double>(options_.noise.train_steps))));
    std::vector<std::int32_t> ids = silent ? no_text_ : tokenizer_->encode(scene.caption, true);
    if (static_cast<std::int64_t>(ids.size()) > positions_)
      throw Error(ErrorKind::internal, fmt::format("a caption of {} tokens does not fit", ids.size()), scene.caption,
                  "report this as a bug");
    ids.resize(static_cast<std::size_t>(positions_), 0);
    drawn.ids.insert(drawn.ids.end(), ids.begin(), ids.end());
  }
  return drawn;
}

NoiseBatch NoiseBatches::assemble(Drawn drawn) const {
  const auto rows = static_cast<std::int64_t>(drawn.times.size());
  constexpr std::int64_t side = scenes::kImageSize;
  const auto patches = [&](const std::vector<float>& values) {
    return at::pixel_unshuffle(tensor_of(values, {rows, kColours, side, side}), options_.patch);
  };
  std::vector<float> signal, deviation;
  for (const float time : drawn.times) {
    const double left = schedule_.alpha_bar(static_cast<std::int64_t>(time));
    signal.push_back(static_cast<float>(std::sqrt(left)));
    deviation.push_back(static_cast<float>(std::sqrt(1 - left)));
  }
  const at::Tensor clean = patches(drawn.pixels), noise = patches(drawn.noise);
  const at::Tensor a = tensor_of(signal, {rows, 1, 1, 1}), s = tensor_of(deviation, {rows, 1, 1, 1});
  NoiseBatch batch{.noisy = a * clean + s * noise, .timesteps = tensor_of(drawn.times, {rows})};
  switch (options_.prediction) {
    case Prediction::epsilon:
      batch.target = noise;
      break;
    case Prediction::v:
      batch.target = a * noise - s * clean;
      break;
    case Prediction::sample:
      batch.target = clean;
      break;
  }
  batch.ids = at::empty({rows, positions_}, at::kLong);
  std::copy(drawn.ids.begin(), drawn.ids.end(), batch.ids.mutable_data_ptr<std::int64_t>());
  return batch;
}

NoiseBatch NoiseBatches::next(std::int64_t step) {
  const auto start = [this](std::int64_t of) {
    ahead_ = of;
    drawing_ = std::async(std::launch::async, [this, of] {
      return draw(options_.scenes, static_cast<std::uint64_t>(of) * static_cast<std::uint64_t>(options_.batch),
                  options_.batch, options_.no_text);
    });
  };
  if (ahead_ != step) start(step);
  Drawn drawn = drawing_.get();
  start(step + 1);
  return assemble(std::move(drawn));
}

NoiseBatch NoiseBatches::evaluation(std::int64_t first, std::int64_t rows) const {
  SceneOptions scenes = options_.scenes;
  scenes.split = Split::calibration;
  return assemble(draw(scenes, static_cast<std::uint64_t>(first), rows, 0));
}

}  // namespace dynexec
