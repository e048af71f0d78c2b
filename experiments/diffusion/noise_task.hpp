// Pictures from noise: a sample is a start noise, its score how much a path's picture is like the one that many steps
// make of the same noise.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "diffusion/sampler.hpp"
#include "measure/contract.hpp"
#include "models/noise_network.hpp"

namespace dynexec::diffusion {

struct NoiseInput {
  std::vector<float> noise;  // standard normal, [channels, height, width]
};
struct ImageOutput {
  std::vector<float> pixels;  // the same shape, in -1 to 1
};

// How a picture came to be.
struct Drawing {
  std::vector<float> pixels;
  std::int64_t evaluations = 0;
};

// Stops a drawing when the clean image has moved by less than `threshold` (root mean square) `patience` times in a row;
// threshold 0: never.
struct Stop {
  double threshold = 0;
  std::int64_t patience = 1;
};

// The whole way from noise to picture. `streams` for samplers that draw noise. Error(model) at the evaluation where a
// value is not finite.
Drawing draw(NoiseNetwork& network, const Sampler& sampler, std::span<const float> noise, const Streams& streams,
             const Stop& stop = {});

// Structural similarity of two pictures of values -1 to 1.
double similarity(const ImageShape& shape, std::span<const float> first, std::span<const float> second);

class NoiseTask : public Task {
 public:
  // Noises `first` to first + samples of the seed's endless list.
  NoiseTask(std::shared_ptr<NoiseNetwork> network, std::shared_ptr<const Sampler> reference, std::uint64_t seed,
            std::size_t first, std::size_t samples);

  std::size_t size() const override { return samples_; }
  Sample sample(std::size_t index) const override;
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override;
  std::string quality_metric() const override { return "ssim"; }
  // The picture of many steps; made at the first call for a sample.
  const std::vector<float>& reference(const Sample& sample) const;

 private:
  std::shared_ptr<NoiseNetwork> network_;
  std::shared_ptr<const Sampler> reference_;
  std::uint64_t seed_;
  std::size_t first_, samples_;
  mutable std::map<std::size_t, std::vector<float>> pictures_;
};

}  // namespace dynexec::diffusion
