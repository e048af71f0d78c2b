#include "diffusion/noise_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr double kRho = 7;
constexpr double kLargestCosineBeta = 0.999, kCosineShift = 0.008;

// Evenly spaced, from either end to the middle, so that both ends are exact in single precision.
std::vector<float> line(float first, float last, std::size_t count) {
  std::vector<float> values(count);
  const float step = (last - first) / static_cast<float>(count - 1);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = i < count / 2 ? first + step * static_cast<float>(i) : last - step * static_cast<float>(count - 1 - i);
  return values;
}

std::vector<float> cosine_betas(std::size_t count) {
  const auto left = [&](std::size_t step) {
    const double share = static_cast<double>(step) / static_cast<double>(count);
    const double cosine = std::cos((share + kCosineShift) / (1 + kCosineShift) * std::numbers::pi / 2);
    return cosine * cosine;
  };
  std::vector<float> betas(count);
  for (std::size_t i = 0; i < count; ++i)
    betas[i] = static_cast<float>(std::min(1 - left(i + 1) / left(i), kLargestCosineBeta));
  return betas;
}

std::vector<float> betas_of(const NoiseOptions& options) {
  const auto count = static_cast<std::size_t>(options.train_steps);
  if (options.betas == BetaSchedule::cosine) return cosine_betas(count);
  if (options.betas == BetaSchedule::linear)
    return line(static_cast<float>(options.beta_start), static_cast<float>(options.beta_end), count);
  std::vector<float> betas =
      line(static_cast<float>(std::sqrt(options.beta_start)), static_cast<float>(std::sqrt(options.beta_end)), count);
  for (float& beta : betas) beta *= beta;
  return betas;
}

}  // namespace

const std::vector<std::string>& beta_schedule_names() {
  static const std::vector<std::string> names{"linear", "scaled_linear", "cosine"};
  return names;
}

NoiseSchedule::NoiseSchedule(const NoiseOptions& options) {
  if (options.train_steps < 2 || options.train_steps > 1'000'000)
    throw Error(ErrorKind::config, "a noise schedule has 2 to 1,000,000 training steps", "train_steps",
                "use the number of steps that the model was trained with, often 1000");
  const auto beta = [](double value) { return value > 0 && value < 1; };
  if (options.betas != BetaSchedule::cosine && (!beta(options.beta_start) || !beta(options.beta_end)))
    throw Error(ErrorKind::config, "betas lie between 0 and 1", "beta_start, beta_end",
                "use the values that the model was trained with");
  double product = 1;
  for (const float value : betas_of(options)) {
    product *= static_cast<double>(1.0f - value);
    const auto left = static_cast<float>(product);
    if (!(left > 0 && left < 1))
      throw Error(ErrorKind::config,
                  fmt::format("the betas leave {} at training step {}", left > 0 ? "no noise" : "nothing of the image",
                              alpha_bar_.size()),
                  "beta_start, beta_end, train_steps", "use the values that the model was trained with");
    const float sigma = std::sqrt((1.0f - left) / left);
    alpha_bar_.push_back(static_cast<double>(left));
    sigma_.push_back(static_cast<double>(sigma));
    log_sigma_.push_back(std::log(static_cast<double>(sigma)));
  }
}

double NoiseSchedule::sigma(double step) const {
  const double last = static_cast<double>(sigma_.size() - 1), at = std::clamp(step, 0.0, last);
  const auto below = static_cast<std::size_t>(std::min(std::floor(at), last - 1));
  return std::lerp(sigma_[below], sigma_[below + 1], at - static_cast<double>(below));
}

double NoiseSchedule::step_of(double sigma) const {
  const double wanted = std::log(std::max(sigma, 1e-10));
  const auto above = std::upper_bound(log_sigma_.begin(), log_sigma_.end(), wanted);
  const auto found = static_cast<std::size_t>(above - log_sigma_.begin());
  const std::size_t below = std::min(found == 0 ? 0 : found - 1, log_sigma_.size() - 2);
  const double share = (wanted - log_sigma_[below]) / (log_sigma_[below + 1] - log_sigma_[below]);
  return static_cast<double>(below) + std::clamp(share, 0.0, 1.0);
}

std::vector<double> karras_sigmas(double highest, double lowest, std::int64_t count) {
  const double first = std::pow(highest, 1 / kRho), last = std::pow(lowest, 1 / kRho);
  std::vector<double> sigmas;
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0;
    sigmas.push_back(std::pow(first + share * (last - first), kRho));
  }
  return sigmas;
}

}  // namespace dynexec
