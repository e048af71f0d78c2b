// A network that says what in an image is noise; what samplers ask.
#pragma once

#include <cstdint>
#include <span>

namespace dynexec {

struct ImageShape {
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t elements() const { return channels * height * width; }
};

class NoiseNetwork {
 public:
  virtual ~NoiseNetwork() = default;
  virtual ImageShape shape() const = 0;
  virtual std::int64_t train_steps() const = 0;
  // One image [channels, height, width] at a training step, 0 to train_steps() - 1. Error(model) when the output is not
  // finite.
  virtual void predict(std::span<const float> image, double timestep, std::span<float> output) = 0;
  // Of one prediction, counted by the code that ran; 0 before the first.
  virtual double macs() const = 0;
  virtual double weight_bytes() const = 0;
};

}  // namespace dynexec
