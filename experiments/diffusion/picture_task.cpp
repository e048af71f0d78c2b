#include "experiments/diffusion/picture_task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/interrupt.hpp"
#include "image/psnr.hpp"

namespace dynexec::diffusion {
namespace {

constexpr double kRange = 2;                          // of pixels from -1 to 1
constexpr double kHighestPsnr = 100;                  // of equal pictures, whose ratio has no end
constexpr std::uint32_t kReferenceStream = 1u << 31;  // a repetition that no path has

const std::vector<float>& pixels_of(const Outcome& outcome) {
  return std::any_cast<const PictureOutput&>(outcome.output).pixels;
}

}  // namespace

DrawInput draw_input(const Sample& sample, const Streams& streams) {
  const auto& input = std::any_cast<const PictureInput&>(sample.input);
  return {.text = input.prompt.text, .noise = input.noise, .streams = streams};
}

PictureTask::PictureTask(std::shared_ptr<const PictureModel> model, std::vector<PicturePrompt> prompts,
                         PictureTaskOptions options)
    : model_(std::move(model)), prompts_(std::move(prompts)), options_(std::move(options)) {}

Sample PictureTask::sample(std::size_t index) const {
  const PicturePrompt& prompt = prompts_.at(index);
  PictureInput input{
      .prompt = prompt,
      .noise = start_noise({options_.seed, options_.first_noise + index, 0}, model_->latent_shape().elements())};
  return {.index = index, .id = prompt.id, .group = prompt.group, .input = std::move(input)};
}

const std::vector<float>& PictureTask::reference(const Sample& sample) const {
  const auto known = references_.find(sample.id);
  if (known != references_.end()) return known->second;
  throw_if_interrupted();
  const DrawInput input = draw_input(sample, {options_.seed, options_.first_noise + sample.index, kReferenceStream});
  std::vector<Drawing> made = draw(*model_, *options_.reference, {&input, 1}, options_.draw);
  return references_.emplace(sample.id, std::move(made.front().pixels)).first->second;
}

double PictureTask::similarity(std::span<const float> first, std::span<const float> second) const {
  return dynexec::similarity(model_->picture_shape(), first, second);
}

const SceneJudgement& PictureTask::judged_reference(const Sample& sample) const {
  const auto known = judged_.find(sample.id);
  if (known != judged_.end()) return known->second;
  return judged_.emplace(sample.id, options_.judge->judge(reference(sample))).first->second;
}

std::optional<double> PictureTask::shown(const Sample& sample, std::span<const float> pixels) const {
  const auto& promises = std::any_cast<const PictureInput&>(sample.input).prompt.promises;
  if (!options_.judge || !promises) return std::nullopt;
  return options_.judge->judge(pixels).accuracy(*promises);
}

std::vector<Score> PictureTask::score(const Sample& sample, const Outcome& outcome) const {
  const std::vector<float>&wanted = reference(sample), &found = pixels_of(outcome);
  const ImageShape shape = model_->picture_shape();
  const double ratio = psnr(planes_of(shape, found), planes_of(shape, wanted), kRange);
  std::vector<Score> scores{{"ssim", similarity(found, wanted)}, {"psnr_db", std::min(ratio, kHighestPsnr)}};
  if (!options_.judge) return scores;
  const SceneJudgement judged = options_.judge->judge(found);
  scores.push_back({"feature_distance", judged.distance(judged_reference(sample))});
  const auto& promises = std::any_cast<const PictureInput&>(sample.input).prompt.promises;
  if (promises) scores.push_back({"attribute_accuracy", judged.accuracy(*promises)});
  return scores;
}

std::vector<float> PictureTask::features(const Sample&, const Outcome& outcome) const {
  if (!options_.judge || options_.real_pictures.empty()) return {};
  return options_.judge->judge(pixels_of(outcome)).features();
}

std::vector<float> PictureTask::reference_features() const {
  std::vector<float> all;
  if (!options_.judge) return all;
  for (const std::vector<float>& picture : options_.real_pictures) {
    throw_if_interrupted();
    const std::vector<float> own = options_.judge->judge(picture).features();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

}  // namespace dynexec::diffusion
