// What proposes tokens: a draft model, an n-gram look-up in the context, or the target's own first layers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "models/decoder.hpp"
#include "models/sampling.hpp"

namespace dynexec::speculative {

// What a drafter knows about its next token before the token is drawn, from the untempered softmax of its logits (so
// that the figures also mean something in greedy decoding, where the warped distribution is one-hot).
struct DraftSignal {
  double entropy = 0;          // nats
  double top_probability = 1;  // for prompt lookup: matched n-gram length / longest n-gram tried
};

struct DraftToken {
  std::int32_t token = 0;
  double confidence = 1;  // untempered probability of the drawn token; prompt lookup: as top_probability
  DraftSignal signal;
};

inline void add(PassCost& total, const PassCost& pass) {
  total.macs += pass.macs;
  total.weight_bytes += pass.weight_bytes;
  total.kv_bytes += pass.kv_bytes;
  total.device_ms += pass.device_ms;
}

// One sequence at a time. Call order: start, then per round begin_round, (preview, take)*, verify, end_round.
class Drafter {
 public:
  virtual ~Drafter() = default;

  // A new sequence. Work on the prompt is left to the first preview, so that it does not delay the first token.
  virtual void start() = 0;
  // context: all committed tokens, the prompt included; it must outlive the round. options: warps q like p.
  // signals: whether entropy and probabilities are wanted; they cost a pass over the vocabulary.
  virtual void begin_round(std::span<const std::int32_t> context, const SamplingOptions& options, bool signals) = 0;
  // Computes the distribution of the next draft token. False: nothing to propose.
  virtual bool preview(DraftSignal& signal) = 0;
  // Draws the token that preview prepared.
  virtual DraftToken take(RandomStream& stream) = 0;
  // Warped draft distribution of the i-th token of this round; empty for a one-hot distribution.
  virtual std::span<const float> distribution(std::size_t i) const = 0;
  // The target's logits [drafted + 1, vocab] for the last committed token and this round's draft tokens.
  virtual std::span<const float> verify(DecoderSession& target, PassCost& cost) = 0;
  // length: committed tokens after the round. Rolls the drafter's own cache back.
  virtual void end_round(std::size_t length) = 0;

  // Hindsight for the oracle: tokens = a prompt of `prompt` tokens and the greedy output that followed it; entry t is
  // the number of consecutive proposals from output position t on that agree with the output. Leaves the caches in any
  // state.
  virtual std::vector<std::int64_t> agreeing_runs(std::span<const std::int32_t> tokens, std::size_t prompt) = 0;

  // True when draft tokens carry a distribution (entropy and confidence are meaningful).
  virtual bool probabilistic() const = 0;
  // Weights, cache and buffers beyond those of the target that verify() is called with.
  virtual double memory_bytes() const { return 0; }
  // Passes and their cost since the last call.
  virtual PassCost take_cost() = 0;
  virtual std::int64_t take_passes() = 0;
};

// runs[t] from matches[t] (whether the proposal at output position t agrees).
std::vector<std::int64_t> runs_of(const std::vector<bool>& matches);

// A separate, smaller model with the same vocabulary.
// target_vocab: ids of the target; larger ids are never proposed.
std::unique_ptr<Drafter> make_model_drafter(std::shared_ptr<DecoderSession> draft, std::int64_t target_vocab);

struct PromptLookupOptions {
  std::int64_t ngram_max = 3, ngram_min = 1;
  bool most_recent = true;  // of several earlier occurrences; false: the first one (the original publication)
};
// Proposes what followed an earlier occurrence of the last n tokens (n = ngram_max down to ngram_min).
std::unique_ptr<Drafter> make_prompt_lookup_drafter(const PromptLookupOptions& options);

// The target's first `exit_layer` layers with its final norm and head (LayerSkip, arXiv 2404.16710): shares the
// target's cache; verification runs only the remaining layers. `target` must be the session that verify() is called
// with.
std::unique_ptr<Drafter> make_self_drafter(std::shared_ptr<DecoderSession> target, std::int64_t exit_layer);

}  // namespace dynexec::speculative
