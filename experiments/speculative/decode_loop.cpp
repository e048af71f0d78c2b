#include "experiments/speculative/decode_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "experiments/speculative/acceptance.hpp"
#include "experiments/speculative/round_trace.hpp"

namespace dynexec::speculative {

struct DecodeLoop::Randomness {
  explicit Randomness(const Streams& streams)
      : sampling(streams.stream(Purpose::sampling)),
        drafting(streams.stream(Purpose::drafting)),
        accepting(streams.stream(Purpose::accepting)) {}
  RandomStream sampling, drafting, accepting;
};

namespace {

class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void add_pass(DecodeResult& result, const PassCost& pass) {
  result.cost.macs += pass.macs;
  result.cost.weight_bytes += pass.weight_bytes;
  result.cost.kv_bytes += pass.kv_bytes;
  result.device_ms += pass.device_ms;
}

}  // namespace

DecodeLoop::DecodeLoop(std::shared_ptr<DecoderSession> target, std::unique_ptr<Drafter> drafter,
                       std::unique_ptr<LengthPolicy> policy, GenerationOptions options)
    : target_(std::move(target)),
      drafter_(std::move(drafter)),
      policy_(std::move(policy)),
      options_(options),
      probabilities_(static_cast<std::size_t>(target_->decoder().config().vocab)) {}

bool DecodeLoop::greedy_fast_path() const {
  return options_.sampling.greedy() && options_.sampling.repetition_penalty == 1;
}

DecodeResult DecodeLoop::run(const DecodeRequest& request) {
  const Stopwatch watch;
  const auto prompt = static_cast<std::int64_t>(request.prompt.size());
  if (prompt == 0) throw Error(ErrorKind::data, "the prompt has no tokens", "", "give a prompt of at least one token");
  // The last new token is never fed back, so it needs no place in the cache.
  if (prompt + options_.max_new_tokens - 1 > target_->capacity())
    throw Error(ErrorKind::data,
                fmt::format("prompt ({} tokens) and max_new_tokens ({}) exceed the context of {} positions", prompt,
                            options_.max_new_tokens, target_->capacity()),
                "", "shorten the prompt, lower generation.max_new_tokens, or use a model with a longer context");

  DecodeResult result;
  Randomness random(request.streams);
  context_.assign(request.prompt.begin(), request.prompt.end());
  context_.reserve(request.prompt.size() + static_cast<std::size_t>(options_.max_new_tokens) + 1);
  prompt_tokens_ = request.prompt.size();
  result.cost.prompt_tokens = prompt;
  if (drafter_) {
    drafter_->start();
    policy_->start();
  }
  target_->truncate(0);
  std::span<const float> logits = target_->forward(request.prompt, 1);
  add_pass(result, target_->last_cost());
  result.prefill_ms = watch.ms();

  Round first;  // the prompt's own prediction: committed without a draft
  commit({.accepted = 0, .next = sample(logits, random)}, logits, first, result, request.track_gap);
  result.first_token_ms = watch.ms();

  while (!result.ended && static_cast<std::int64_t>(result.tokens.size()) < options_.max_new_tokens) {
    const double round_start = watch.ms();
    Round round = draft(result, random);
    const double draft_end = watch.ms();
    if (round.drafted == 0 && round.previews == 0) {
      logits = target_->forward({&context_.back(), 1}, 1);
      add_pass(result, target_->last_cost());
    } else {
      PassCost pass;
      logits = drafter_->verify(*target_, pass);
      add_pass(result, pass);
    }
    ++result.cost.target_passes;
    const Verdict verdict = check(logits, round, result, random);
    const std::size_t before = context_.size();
    commit(verdict, logits, round, result, request.track_gap);
    target_->truncate(static_cast<std::int64_t>(context_.size()) - 1);
    if (drafter_) {
      drafter_->end_round(context_.size());
      if (round.drafted > 0) policy_->observe(round.drafted, round.accepted);
      add_pass(result, drafter_->take_cost());
      result.cost.draft_passes += drafter_->take_passes();
    }
    round.draft_ms = draft_end - round_start;
    round.verify_ms = watch.ms() - draft_end;
    result.rounds.push_back(round);
    if (request.observer) request.observer(round, draft_);
    if (request.trace)
      result.trace.push_back(round_trace(result.rounds.size() - 1, round, draft_,
                                         std::span<const std::int32_t>(context_).subspan(before)));
  }
  result.cost.tokens = static_cast<std::int64_t>(result.tokens.size());
  result.total_ms = watch.ms();
  return result;
}

Round DecodeLoop::draft(DecodeResult& result, Randomness& random) {
  Round round;
  draft_.clear();
  if (!drafter_) return round;
  // The target adds a token of its own, so the last place of the budget is never drafted; nor may the cache overflow.
  const auto left = options_.max_new_tokens - static_cast<std::int64_t>(result.tokens.size());
  const auto room = target_->capacity() - static_cast<std::int64_t>(context_.size());
  const std::int64_t most = std::min({policy_->cap(), left - 1, room});
  if (most <= 0) return round;
  drafter_->begin_round(context_, options_.sampling, policy_->needs_signals());
  const std::vector<std::int32_t>& ends = target_->decoder().config().end_tokens;
  DraftSignal signal;
  while (round.drafted < most && policy_->try_next(round.drafted) && drafter_->preview(signal)) {
    ++round.previews;
    if (!policy_->keep(round.drafted, signal)) break;
    draft_.push_back(drafter_->take(random.drafting));
    ++round.drafted;
    const bool ended = options_.stop_at_end && std::find(ends.begin(), ends.end(), draft_.back().token) != ends.end();
    if (ended || !policy_->go_on(round.drafted, draft_.back())) break;
  }
  result.cost.drafted_tokens += round.drafted;
  return round;
}

std::int32_t DecodeLoop::sample(std::span<const float> logits, Randomness& random) {
  if (greedy_fast_path()) return argmax(logits);
  warp(logits, options_.sampling, context_, probabilities_);
  return options_.sampling.greedy() ? argmax(probabilities_) : draw(probabilities_, random.sampling.uniform());
}

DecodeLoop::Verdict DecodeLoop::check(std::span<const float> logits, const Round& round, DecodeResult& result,
                                      Randomness& random) {
  const auto vocab = probabilities_.size();
  const std::size_t committed = context_.size();
  Verdict verdict;
  for (; verdict.accepted < round.drafted; ++verdict.accepted) {
    const auto i = static_cast<std::size_t>(verdict.accepted);
    const std::int32_t token = draft_[i].token;
    const std::span<const float> row = logits.subspan(i * vocab, vocab);
    ++result.cost.accept_trials;
    if (options_.sampling.greedy()) {
      verdict.next = sample(row, random);
      if (verdict.next != token) break;
    } else {
      warp(row, options_.sampling, context_, probabilities_);
      const std::span<const float> q = drafter_->distribution(i);
      if (!accepts(probabilities_, q, token, random.accepting.uniform())) {
        to_residual(probabilities_, q, token);
        verdict.next = draw(probabilities_, random.sampling.uniform());
        break;
      }
    }
    // The history of the next row's repetition penalty holds this token.
    context_.push_back(token);
  }
  if (verdict.accepted == round.drafted)
    verdict.next = sample(logits.subspan(static_cast<std::size_t>(round.drafted) * vocab, vocab), random);
  context_.resize(committed);
  return verdict;
}

void DecodeLoop::commit(const Verdict& verdict, std::span<const float> logits, Round& round, DecodeResult& result,
                        bool gaps) {
  const std::vector<std::int32_t>& ends = target_->decoder().config().end_tokens;
  for (std::int64_t i = 0; i <= verdict.accepted; ++i) {
    const bool drafted = i < verdict.accepted;
    const std::int32_t token = drafted ? draft_[static_cast<std::size_t>(i)].token : verdict.next;
    context_.push_back(token);
    result.tokens.push_back(token);
    if (gaps)
      result.top_gap.push_back(
          top_gap(logits.subspan(static_cast<std::size_t>(i) * probabilities_.size(), probabilities_.size())));
    ++round.committed;
    if (drafted) ++round.accepted;
    result.ended = options_.stop_at_end && std::find(ends.begin(), ends.end(), token) != ends.end();
    if (result.ended || static_cast<std::int64_t>(result.tokens.size()) == options_.max_new_tokens) break;
  }
  result.cost.accepted_tokens += round.accepted;
}

}  // namespace dynexec::speculative
