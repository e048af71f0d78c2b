// The part of a draft round that model-based drafters share: tokens, distributions and signals of this round.
#pragma once

#include <span>
#include <vector>

#include "experiments/speculative/drafter.hpp"

namespace dynexec::speculative {

class DraftRound {
 public:
  // vocab: token ids that target and draft have in common, [0, vocab); draft logits beyond it (padding) are dropped.
  explicit DraftRound(std::int64_t vocab);

  void begin(std::span<const std::int32_t> context, const SamplingOptions& options, bool signals);
  // logits [vocab] of the next draft token -> its signal; keeps what take() needs.
  DraftSignal preview(std::span<const float> logits);
  DraftToken take(RandomStream& stream);

  std::span<const std::int32_t> context() const { return context_; }
  std::span<const std::int32_t> drafted() const { return {history_.data() + context_.size(), drafted_}; }
  // The last committed token followed by the drafted ones: what the target verifies.
  std::span<const std::int32_t> to_verify() const { return {history_.data() + context_.size() - 1, drafted_ + 1}; }
  std::int32_t last_token() const { return history_[context_.size() + drafted_ - 1]; }
  std::span<const float> distribution(std::size_t i) const;

 private:
  std::span<const std::int32_t> context_;
  SamplingOptions options_;
  bool signals_ = false;
  std::vector<std::int32_t> history_;  // context, then the drafted tokens
  std::size_t drafted_ = 0;
  std::size_t vocab_;
  std::vector<float> distributions_;  // [drafted, vocab]; unused in greedy decoding
  std::vector<float> logits_;         // [vocab] of the previewed token
  std::int32_t greedy_token_ = 0;
  DraftSignal signal_;
  double log_sum_ = 0;  // log of the softmax denominator of logits_
};

}  // namespace dynexec::speculative
