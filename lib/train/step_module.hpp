// A step predictor with gradients: an encoder, new or frozen, and the head on its mean state.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/encoder.hpp"
#include "models/step_predictor.hpp"
#include "train/encoder_module.hpp"

namespace dynexec {

class StepModule {
 public:
  using Ids = std::vector<std::int32_t>;
  // A new encoder, trained with the head.
  StepModule(const EncoderConfig& encoder, const StepPredictorConfig& config, std::uint64_t seed);
  // The head alone is trained.
  StepModule(std::shared_ptr<const Encoder> encoder, const StepPredictorConfig& config, std::uint64_t seed);

  // The texts that logits() is asked about. A frozen encoder runs over them once, here.
  void set_texts(std::vector<Ids> texts);
  at::Tensor logits(std::span<const std::size_t> texts) const;  // [texts, K - 1]

  // The head's answer to every text at the start: P(N > G_k), within (0, 1).
  void set_prior(std::span<const double> exceeds);

  const Optimiser::Named& parameters() const { return parameters_; }  // those that are trained
  std::map<std::string, std::vector<std::int64_t>> row_blocks() const;

 private:
  void add_head(std::int64_t width, const StepPredictorConfig& config, std::uint64_t seed);

  std::optional<EncoderModule> own_;
  std::shared_ptr<const Encoder> frozen_;
  Optimiser::Named parameters_;
  at::Tensor dense_, dense_bias_, linear_, linear_bias_, length_;
  double tokens_mean_ = 0, tokens_deviation_ = 0;
  std::vector<Ids> texts_;
  at::Tensor features_;  // of a frozen encoder, [texts, hidden]
};

// Ordinal cross-entropies, and the pinball loss at `quantile` of the expected steps as a share of the grid's span:
// too few steps cost more than too many. logits [texts, K - 1]; labels are indices into the grid.
at::Tensor step_loss(const at::Tensor& logits, std::span<const std::size_t> labels, std::span<const std::int64_t> grid,
                     double quantile, double pinball);

// For labels D and E: cross-entropies of going on from each count, weighted by what the decision gains or loses (gains
// [texts, K - 1], see StepLabel), in units of `usual`. Least where P(N > G_k) passes 1/2 just where going on brings
// something in the mean over like texts, so the decision at the quantile 1/2 takes the counts of the highest expected
// worth.
at::Tensor gain_loss(const at::Tensor& logits, std::span<const std::vector<double>* const> gains, double usual);

}  // namespace dynexec
