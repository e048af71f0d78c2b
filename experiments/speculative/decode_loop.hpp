// The one decode loop: autoregressive sampling is the loop without a drafter.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/speculative/drafter.hpp"
#include "experiments/speculative/policy.hpp"
#include "measure/contract.hpp"

namespace dynexec::speculative {

struct GenerationOptions {
  SamplingOptions sampling;
  std::int64_t max_new_tokens = 128;
  bool stop_at_end = true;  // at the model's end tokens
};

// One round as it happened; a plain decoding step has drafted == 0.
struct Round {
  std::int64_t previews = 0;  // distributions that the drafter computed
  std::int64_t drafted = 0;   // tokens that the target checked
  std::int64_t accepted = 0;
  std::int64_t committed = 0;  // accepted plus the target's own token, cut at the end token and the length budget
  double draft_ms = 0, verify_ms = 0;  // wall time of drafting, and of the target pass with its acceptance tests
};

struct DecodeRequest {
  std::span<const std::int32_t> prompt;  // at least one token
  Streams streams;
  bool trace = false;
  bool track_gap = false;  // fill DecodeResult::top_gap
  // Called after each round with its draft tokens.
  std::function<void(const Round&, std::span<const DraftToken>)> observer;
};

struct DecodeResult {
  std::vector<std::int32_t> tokens;  // new tokens, the end token included when it ended the text
  std::vector<float> top_gap;
  std::vector<Round> rounds;
  Cost cost;
  double prefill_ms = 0, first_token_ms = 0, total_ms = 0;
  double device_ms = 0;  // of all passes, see PassCost; NaN: not all of them were measured
  bool ended = false;    // by an end token
  std::vector<std::string> trace;
};

class DecodeLoop {
 public:
  // drafter and policy are both null (autoregressive) or both set. The target session is shared with other loops;
  // each run starts it afresh.
  DecodeLoop(std::shared_ptr<DecoderSession> target, std::unique_ptr<Drafter> drafter,
             std::unique_ptr<LengthPolicy> policy, GenerationOptions options);

  // Throws Error(data) when prompt and new tokens exceed the session's capacity.
  DecodeResult run(const DecodeRequest& request);

  void set_policy(std::unique_ptr<LengthPolicy> policy) { policy_ = std::move(policy); }
  const GenerationOptions& options() const { return options_; }

 private:
  struct Verdict {
    std::int64_t accepted = 0;
    std::int32_t next = 0;  // the target's own token after the accepted ones
  };
  struct Randomness;

  Round draft(DecodeResult& result, Randomness& random);
  Verdict check(std::span<const float> logits, const Round& round, DecodeResult& result, Randomness& random);
  std::int32_t sample(std::span<const float> logits, Randomness& random);
  void commit(const Verdict& verdict, std::span<const float> logits, Round& round, DecodeResult& result, bool gaps);
  bool greedy_fast_path() const;

  std::shared_ptr<DecoderSession> target_;
  std::unique_ptr<Drafter> drafter_;
  std::unique_ptr<LengthPolicy> policy_;
  GenerationOptions options_;
  std::vector<std::int32_t> context_;  // prompt and committed tokens
  std::size_t prompt_tokens_ = 0;
  std::vector<DraftToken> draft_;     // of the current round
  std::vector<float> probabilities_;  // [vocab] scratch
};

}  // namespace dynexec::speculative
