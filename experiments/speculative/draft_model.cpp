#include <algorithm>

#include "experiments/speculative/drafter.hpp"
#include "experiments/speculative/round.hpp"

namespace dynexec::speculative {
namespace {

class ModelDrafter : public Drafter {
 public:
  ModelDrafter(std::shared_ptr<DecoderSession> draft, std::int64_t target_vocab)
      : draft_(std::move(draft)), round_(std::min(draft_->decoder().config().vocab, target_vocab)) {}

  void start() override { draft_->truncate(0); }

  void begin_round(std::span<const std::int32_t> context, const SamplingOptions& options, bool signals) override {
    round_.begin(context, options, signals);
  }

  bool preview(DraftSignal& signal) override {
    const std::size_t known = round_.context().size() + round_.drafted().size();
    if (static_cast<std::int64_t>(known) > draft_->capacity()) return false;
    // Usually one token; two after a fully accepted round, whose last draft token the draft has not seen yet.
    pending_.clear();
    for (auto i = static_cast<std::size_t>(draft_->length()); i < known; ++i)
      pending_.push_back(i < round_.context().size() ? round_.context()[i]
                                                     : round_.drafted()[i - round_.context().size()]);
    const std::span<const float> logits = draft_->forward(pending_, 1);
    ++passes_;
    add(cost_, draft_->last_cost());
    signal = round_.preview(logits);
    return true;
  }

  DraftToken take(RandomStream& stream) override { return round_.take(stream); }
  std::span<const float> distribution(std::size_t i) const override { return round_.distribution(i); }

  std::span<const float> verify(DecoderSession& target, PassCost& cost) override {
    const std::span<const std::int32_t> tokens = round_.to_verify();
    const std::span<const float> logits = target.forward(tokens, static_cast<std::int64_t>(tokens.size()));
    add(cost, target.last_cost());
    return logits;
  }

  void end_round(std::size_t length) override {
    // The last committed token may differ from what was drafted there, so at most length - 1 entries hold.
    draft_->truncate(std::min(draft_->length(), static_cast<std::int64_t>(length) - 1));
  }

  double memory_bytes() const override { return draft_->decoder().memory_bytes() + draft_->memory_bytes(); }

  std::vector<std::int64_t> agreeing_runs(std::span<const std::int32_t> tokens, std::size_t prompt) override {
    const std::size_t outputs = tokens.size() - prompt;
    const auto vocab = static_cast<std::size_t>(draft_->decoder().config().vocab);
    draft_->truncate(0);
    std::vector<bool> matches(outputs, false);
    if (outputs == 0 || static_cast<std::int64_t>(tokens.size()) - 1 > draft_->capacity()) return runs_of(matches);
    const std::span<const float> logits =
        draft_->forward(tokens.first(tokens.size() - 1), static_cast<std::int64_t>(outputs));
    for (std::size_t t = 0; t < outputs; ++t)
      matches[t] = argmax(logits.subspan(t * vocab, vocab)) == tokens[prompt + t];
    return runs_of(matches);
  }

  bool probabilistic() const override { return true; }
  PassCost take_cost() override { return std::exchange(cost_, {}); }
  std::int64_t take_passes() override { return std::exchange(passes_, 0); }

 private:
  std::shared_ptr<DecoderSession> draft_;
  DraftRound round_;
  std::vector<std::int32_t> pending_;
  PassCost cost_;
  std::int64_t passes_ = 0;
};

}  // namespace

std::vector<std::int64_t> runs_of(const std::vector<bool>& matches) {
  std::vector<std::int64_t> runs(matches.size(), 0);
  for (std::size_t t = matches.size(); t-- > 0;)
    if (matches[t]) runs[t] = 1 + (t + 1 < matches.size() ? runs[t + 1] : 0);
  return runs;
}

std::unique_ptr<Drafter> make_model_drafter(std::shared_ptr<DecoderSession> draft, std::int64_t target_vocab) {
  return std::make_unique<ModelDrafter>(std::move(draft), target_vocab);
}

}  // namespace dynexec::speculative
