// Turning logits into a token: warpers in the reference order, argmax, inverse-CDF sampling.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.hpp"

namespace dynexec {

// Defaults switch every warper off; temperature 0 is greedy.
struct SamplingOptions {
  double temperature = 0;
  std::int64_t top_k = 0;         // 0: off
  double top_p = 1;               // 1: off
  double min_p = 0;               // 0: off
  double repetition_penalty = 1;  // 1: off; over prompt and generated tokens
  bool greedy() const { return temperature == 0; }
};

// Index of the largest logit, the lowest index on ties.
std::int32_t argmax(std::span<const float> logits);
// Top-1 minus top-2 logit; infinite for a single one.
float top_gap(std::span<const float> logits);

// Probabilities after repetition penalty, temperature, top-k, top-p, min-p (the order of transformers),
// written to probabilities (size vocab). Greedy: one-hot of the argmax. history: tokens for the penalty.
void warp(std::span<const float> logits, const SamplingOptions& options, std::span<const std::int32_t> history,
          std::span<float> probabilities);

// Inverse-CDF draw with one uniform number. probabilities need not sum to exactly 1.
std::int32_t draw(std::span<const float> probabilities, double uniform);

struct SoftmaxFigures {
  double log_sum = 0;  // log of the sum of exp(logits): log p(i) = logits[i] - log_sum
  double entropy = 0;  // nats
  double top_probability = 1;
};
SoftmaxFigures softmax_figures(std::span<const float> logits);

// Shannon entropy in nats of softmax(logits).
double entropy_of_logits(std::span<const float> logits);

}  // namespace dynexec
