#include "pictures/draw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "image/ssim.hpp"
#include "kernels/tensor_memory.hpp"
#include "pictures/checks.hpp"

namespace dynexec {
namespace {

constexpr std::uint32_t kStartNoise = 1u << 30;  // on the repetitions of its stream

double root_mean_square(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// One picture on its way.
class Row {
 public:
  Row(std::size_t index, const DrawInput& input, const Sampler& sampler)
      : index_(index), way_(sampler.start()), random_(input.streams.stream(Purpose::sampling)), latents_(input.noise) {
    for (float& value : latents_) value = static_cast<float>(static_cast<double>(value) * sampler.start_deviation());
  }

  std::size_t index() const { return index_; }
  std::span<const float> latents() const { return latents_; }
  void network_input(std::size_t evaluation, std::span<float> input) const {
    way_->network_input(evaluation, latents_, input);
  }

  void advance(std::size_t evaluation, std::span<const float> output) {
    way_->advance(evaluation, latents_, output, [this](std::span<float> out) {
      for (float& value : out) value = static_cast<float>(random_.normal());
    });
    require_finite(way_->clean(), evaluation);
    require_finite(latents_, evaluation);
  }

  // Whether the clean image has stood still for long enough; the latents are that image then.
  bool stops(const DrawOptions& options, double way) {
    if (options.stop_below <= 0 || way < options.stop_from) return false;
    const std::span<const float> clean = way_->clean();
    const bool moved = before_.empty() || root_mean_square(before_, clean) >= options.stop_below;
    still_ = moved ? 0 : still_ + 1;
    before_.assign(clean.begin(), clean.end());
    if (still_ < options.patience) return false;
    latents_ = before_;
    return true;
  }

 private:
  std::size_t index_;  // among the inputs
  std::unique_ptr<Trajectory> way_;
  RandomStream random_;
  std::vector<float> latents_, before_;
  std::int64_t still_ = 0;
};

// Pictures made together.
class Drawer {
 public:
  Drawer(const PictureModel& model, const Sampler& sampler, std::span<const DrawInput> inputs,
         const DrawOptions& options)
      : model_(model),
        sampler_(sampler),
        options_(options),
        size_(static_cast<std::size_t>(model.latent_shape().elements())),
        drawings_(inputs.size()) {
    PictureRequest request{.rows = inputs.size(),
                           .timesteps = sampler.timesteps(),
                           .guidance = options.guidance,
                           .negative = options.negative,
                           .cache_branch = options.cache_interval > 1 ? options.cache_branch : -1};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].noise.size() != size_)
        throw Error(ErrorKind::internal, fmt::format("noise of {} values, not {}", inputs[i].noise.size(), size_),
                    "drawing", "");
      if (model.takes_text()) request.texts.push_back(inputs[i].text);
      rows_.emplace_back(i, inputs[i], sampler);
    }
    denoising_ = model.begin(request);
    input_.resize(inputs.size() * size_);
    output_.resize(input_.size());
  }

  std::vector<Drawing> run() {
    for (std::size_t evaluation = 0; evaluation < sampler_.evaluations() && !rows_.empty(); ++evaluation) {
      throw_if_interrupted();
      evaluate(evaluation);
      take_out_still_rows(evaluation);
      if (!rows_.empty()) end_needless_guidance();
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) finish(i, sampler_.evaluations());
    return std::move(drawings_);
  }

 private:
  EvaluationMode mode_of(std::size_t evaluation) const {
    const double way = (static_cast<double>(evaluation) + 0.5) / static_cast<double>(sampler_.evaluations());
    return {.guided = way >= options_.guidance_from && way <= options_.guidance_to,
            .reuse = evaluation % static_cast<std::size_t>(options_.cache_interval) != 0};
  }

  void evaluate(std::size_t evaluation) {
    const std::size_t used = rows_.size() * size_;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      rows_[i].network_input(evaluation, std::span(input_).subspan(i * size_, size_));
    {
      // Every evaluation needs the same buffers.
      const TensorMemory::Scope scope(memory_);
      denoising_->evaluate(evaluation, std::span(input_).first(used), mode_of(evaluation),
                           std::span(output_).first(used));
    }
    for (std::size_t i = 0; i < rows_.size(); ++i)
      rows_[i].advance(evaluation, std::span(output_).subspan(i * size_, size_));
  }

  void finish(std::size_t row, std::size_t evaluations) {
    Drawing& drawing = drawings_[rows_[row].index()];
    drawing.steps = static_cast<std::int64_t>(sampler_.steps(evaluations));
    drawing.cost = denoising_->cost(row);
    drawing.pixels = model_.decode(rows_[row].latents(), drawing.cost);
  }

  void take_out_still_rows(std::size_t evaluation) {
    std::vector<std::size_t> going;
    const double way = static_cast<double>(evaluation) / static_cast<double>(sampler_.evaluations());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].stops(options_, way)) {
        finish(i, evaluation + 1);
      } else {
        going.push_back(i);
      }
    }
    if (going.size() == rows_.size()) return;
    if (!going.empty()) denoising_->keep_rows(going);
    keep_only(rows_, going);
  }

  void end_needless_guidance() {
    const std::vector<double>& agreement = denoising_->agreement();
    std::vector<std::size_t> agreed;
    for (std::size_t i = 0; i < agreement.size(); ++i)
      if (agreement[i] >= options_.guidance_agreement) agreed.push_back(i);
    if (!agreed.empty()) denoising_->end_guidance(agreed);
  }

  const PictureModel& model_;
  const Sampler& sampler_;
  const DrawOptions& options_;
  std::size_t size_;
  std::vector<Drawing> drawings_;
  std::vector<Row> rows_;
  std::unique_ptr<Denoising> denoising_;
  std::vector<float> input_, output_;  // [rows, latent shape]
  TensorMemory memory_;
};

}  // namespace

Planes planes_of(const ImageShape& shape, std::span<const float> values) {
  return {.values = values, .channels = shape.channels, .height = shape.height, .width = shape.width};
}

std::vector<float> start_noise(const Streams& streams, std::int64_t elements) {
  RandomStream random = Streams{streams.seed, streams.sample, streams.repetition | kStartNoise}.stream(Purpose::task);
  std::vector<float> noise(static_cast<std::size_t>(elements));
  for (float& value : noise) value = static_cast<float>(random.normal());
  return noise;
}

std::vector<Drawing> draw(const PictureModel& model, const Sampler& sampler, std::span<const DrawInput> inputs,
                          const DrawOptions& options) {
  if (inputs.empty()) return {};
  if (options.cache_interval < 1 || options.patience < 1 || (options.cache_interval > 1 && options.cache_branch < 0))
    throw Error(ErrorKind::internal, "cache_interval and patience are at least 1, cache_branch at least 0", "drawing",
                "");
  return Drawer(model, sampler, inputs, options).run();
}

double similarity(const ImageShape& shape, std::span<const float> first, std::span<const float> second) {
  // The measure compares levels by their ratio: gray must be far from nothing, and black is nothing.
  const auto levels = [](std::span<const float> pixels) {
    std::vector<float> from_black(pixels.begin(), pixels.end());
    for (float& value : from_black) value = (value + 1) / 2;
    return from_black;
  };
  const std::vector<float> one = levels(first), other = levels(second);
  const Planes a = planes_of(shape, one), b = planes_of(shape, other);
  return shape.channels == 3 ? ssim_gray(a, b, 1) : ssim(a, b, 1);
}

}  // namespace dynexec
