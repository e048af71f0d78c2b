#include "experiments/diffusion/noise_task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "image/psnr.hpp"
#include "image/ssim.hpp"

namespace dynexec::diffusion {
namespace {

constexpr double kRange = 2;          // of pixels from -1 to 1
constexpr double kHighestPsnr = 100;  // of equal pictures, whose ratio has no end

void fill_normal(RandomStream& random, std::span<float> out) {
  for (float& value : out) value = static_cast<float>(random.normal());
}

double root_mean_square(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

Planes planes_of(const ImageShape& shape, std::span<const float> values) {
  return {.values = values, .channels = shape.channels, .height = shape.height, .width = shape.width};
}

}  // namespace

Drawing draw(NoiseNetwork& network, const Sampler& sampler, std::span<const float> noise, const Streams& streams,
             const Stop& stop) {
  Drawing drawing{.pixels = {noise.begin(), noise.end()}};
  for (float& value : drawing.pixels)
    value = static_cast<float>(static_cast<double>(value) * sampler.start_deviation());
  RandomStream random = streams.stream(Purpose::sampling);
  const NoiseSource more = [&random](std::span<float> out) { fill_normal(random, out); };
  const auto way = sampler.start();
  std::vector<float> input(noise.size()), output(noise.size()), before;
  std::int64_t still = 0;
  for (std::size_t e = 0; e < sampler.evaluations(); ++e) {
    way->network_input(e, drawing.pixels, input);
    network.predict(input, sampler.timesteps()[e], output);
    way->advance(e, drawing.pixels, output, more);
    ++drawing.evaluations;
    const std::span<const float> clean = way->clean();
    if (!all_finite(clean) || !all_finite(drawing.pixels))
      throw Error(ErrorKind::model, "the picture is not finite", fmt::format("evaluation {}", e),
                  "try more steps, another sampler or clip: 1; if it stays, the weights are damaged");
    if (stop.threshold <= 0) continue;
    const bool moved = before.empty() || root_mean_square(before, clean) >= stop.threshold;
    still = moved ? 0 : still + 1;
    if (still == stop.patience) {
      drawing.pixels.assign(clean.begin(), clean.end());
      break;
    }
    before.assign(clean.begin(), clean.end());
  }
  for (float& value : drawing.pixels) value = std::clamp(value, -1.0f, 1.0f);
  return drawing;
}

double similarity(const ImageShape& shape, std::span<const float> first, std::span<const float> second) {
  return ssim(planes_of(shape, first), planes_of(shape, second), kRange);
}

NoiseTask::NoiseTask(std::shared_ptr<NoiseNetwork> network, std::shared_ptr<const Sampler> reference,
                     std::uint64_t seed, std::size_t first, std::size_t samples)
    : network_(std::move(network)), reference_(std::move(reference)), seed_(seed), first_(first), samples_(samples) {}

Sample NoiseTask::sample(std::size_t index) const {
  const std::size_t at = first_ + index;
  NoiseInput input{.noise = std::vector<float>(static_cast<std::size_t>(network_->shape().elements()))};
  RandomStream random = Streams{seed_, at, 0}.stream(Purpose::task);
  fill_normal(random, input.noise);
  return {.index = index, .id = fmt::format("noise-{}/{}", seed_, at), .group = "", .input = std::move(input)};
}

const std::vector<float>& NoiseTask::reference(const Sample& sample) const {
  const auto known = pictures_.find(sample.index);
  if (known != pictures_.end()) return known->second;
  throw_if_interrupted();
  const auto& noise = std::any_cast<const NoiseInput&>(sample.input).noise;
  // Repetition 0 of a stream that no path uses.
  Drawing made = draw(*network_, *reference_, noise, Streams{seed_, first_ + sample.index, 1u << 31});
  return pictures_.emplace(sample.index, std::move(made.pixels)).first->second;
}

std::vector<Score> NoiseTask::score(const Sample& sample, const Outcome& outcome) const {
  const std::vector<float>&wanted = reference(sample),
        &found = std::any_cast<const ImageOutput&>(outcome.output).pixels;
  const ImageShape shape = network_->shape();
  const double ratio = psnr(planes_of(shape, found), planes_of(shape, wanted), kRange);
  return {{"ssim", similarity(shape, found, wanted)}, {"psnr_db", std::min(ratio, kHighestPsnr)}};
}

}  // namespace dynexec::diffusion
