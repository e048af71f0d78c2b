// Batches of captioned scenes with noise, for training diffusion models; drawn by another thread while one is used.
#pragma once

#include <ATen/core/Tensor.h>

#include <future>
#include <memory>
#include <vector>

#include "data/tokenizer.hpp"
#include "diffusion/noise_schedule.hpp"
#include "train/noise_options.hpp"

namespace dynexec {

struct NoiseBatch {
  at::Tensor noisy, target;  // [rows, channels, size, size]: what the network sees, and what it should say
  at::Tensor timesteps;      // [rows], fp32
  at::Tensor ids;            // [rows, positions] int64
};

class NoiseBatches {
 public:
  NoiseBatches(const NoiseTrainOptions& options, std::shared_ptr<const Tokenizer> tokenizer);

  // The batch of a step; steps in any order, ascending ones are drawn ahead. Timesteps are spread evenly over a batch.
  NoiseBatch next(std::int64_t step);
  // The same pictures, noises and timesteps at every call; no picture is trained on. Rows of them from `first`.
  NoiseBatch evaluation(std::int64_t first, std::int64_t rows) const;

 private:
  struct Drawn {
    std::vector<float> pixels, noise, times;
    std::vector<std::int64_t> ids;
  };
  Drawn draw(const SceneOptions& scenes, std::uint64_t first, std::int64_t rows, double no_text) const;
  NoiseBatch assemble(Drawn drawn) const;

  const NoiseTrainOptions& options_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  NoiseSchedule schedule_;
  std::int64_t positions_ = 0;
  std::vector<std::int32_t> no_text_;
  std::int64_t ahead_ = -1;  // step that is being drawn
  std::future<Drawn> drawing_;
};

}  // namespace dynexec
