#include "models/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dynexec {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

float llama3_frequency(const RopeScaling& scaling, float frequency) {
  const double wavelength = kTwoPi / static_cast<double>(frequency);
  const auto context = static_cast<double>(scaling.original_positions);
  if (wavelength < context / scaling.high_freq_factor) return frequency;
  const float slow = frequency / static_cast<float>(scaling.factor);
  if (wavelength > context / scaling.low_freq_factor) return slow;
  const auto smooth = static_cast<float>((context / wavelength - scaling.low_freq_factor) /
                                         (scaling.high_freq_factor - scaling.low_freq_factor));
  return (1 - smooth) * slow + smooth * frequency;
}

// The pair index whose wavelength makes `rotations` turns within the original context.
double yarn_dimension(const DecoderConfig& config, double rotations) {
  const auto context = static_cast<double>(config.rope_scaling.original_positions);
  return static_cast<double>(config.head_dim) * std::log(context / (rotations * kTwoPi)) /
         (2 * std::log(config.rope_theta));
}

void apply_yarn(const DecoderConfig& config, std::vector<float>& frequencies) {
  const RopeScaling& scaling = config.rope_scaling;
  double low = yarn_dimension(config, scaling.beta_fast), high = yarn_dimension(config, scaling.beta_slow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(config.head_dim - 1));
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const auto ramp = static_cast<float>(std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0));
    const float slow = frequencies[i] / static_cast<float>(scaling.factor);
    frequencies[i] = slow * ramp + frequencies[i] * (1 - ramp);
  }
}

}  // namespace

std::vector<float> rope_frequencies(const DecoderConfig& config) {
  std::vector<float> frequencies(static_cast<std::size_t>(config.head_dim / 2));
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    frequencies[i] = 1.0f / static_cast<float>(std::pow(config.rope_theta, static_cast<double>(exponent)));
  }
  const RopeScaling& scaling = config.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::none:
    case RopeScaling::Kind::dynamic_ntk:
      break;
    case RopeScaling::Kind::linear:
      for (float& f : frequencies) f /= static_cast<float>(scaling.factor);
      break;
    case RopeScaling::Kind::llama3:
      for (float& f : frequencies) f = llama3_frequency(scaling, f);
      break;
    case RopeScaling::Kind::yarn:
      apply_yarn(config, frequencies);
      break;
  }
  return frequencies;
}

RopeTable::RopeTable(const DecoderConfig& config, std::int64_t positions)
    : half_(config.head_dim / 2), cosine_(positions * half_), sine_(positions * half_) {
  const std::vector<float> frequencies = rope_frequencies(config);
  const auto factor = static_cast<float>(config.rope_scaling.attention_factor);
  for (std::int64_t p = 0; p < positions; ++p) {
    for (std::int64_t i = 0; i < half_; ++i) {
      // The angle is rounded to fp32 as in the reference implementation: far positions would differ
      // otherwise.
      const float angle = static_cast<float>(p) * frequencies[static_cast<std::size_t>(i)];
      cosine_[p * half_ + i] = std::cos(angle) * factor;
      sine_[p * half_ + i] = std::sin(angle) * factor;
    }
  }
}

}  // namespace dynexec
