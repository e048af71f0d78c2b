#include <algorithm>

#include "experiments/speculative/drafter.hpp"
#include "experiments/speculative/round.hpp"
#include "kernels/linear.hpp"

namespace dynexec::speculative {
namespace {

class SelfDrafter : public Drafter {
 public:
  SelfDrafter(std::shared_ptr<DecoderSession> target, std::int64_t exit_layer)
      : target_(std::move(target)), exit_layer_(exit_layer), round_(target_->decoder().config().vocab) {}

  void start() override {}

  void begin_round(std::span<const std::int32_t> context, const SamplingOptions& options, bool signals) override {
    round_.begin(context, options, signals);
  }

  bool preview(DraftSignal& signal) override {
    if (target_->early_length() >= target_->capacity()) return false;
    const std::int32_t token = round_.last_token();
    const std::span<const float> logits = target_->forward_early({&token, 1}, exit_layer_, 1);
    ++passes_;
    add(cost_, target_->last_cost());
    signal = round_.preview(logits);
    return true;
  }

  DraftToken take(RandomStream& stream) override { return round_.take(stream); }
  std::span<const float> distribution(std::size_t i) const override { return round_.distribution(i); }

  std::span<const float> verify(DecoderSession& target, PassCost& cost) override {
    const std::span<const std::int32_t> tokens = round_.to_verify();
    const auto rows = static_cast<std::int64_t>(tokens.size());
    const std::int64_t early = target.early_length() - target.length();
    if (early == 0) {
      const std::span<const float> logits = target.forward(tokens, rows);
      add(cost, target.last_cost());
      return logits;
    }
    // The lower layers have seen all but the last drafted token.
    if (early < rows) {
      target.forward_early(tokens.subspan(static_cast<std::size_t>(early)), exit_layer_, 0);
      add(cost, target.last_cost());
    }
    const std::span<const float> logits = target.forward_rest(exit_layer_, rows);
    add(cost, target.last_cost());
    return logits;
  }

  void end_round(std::size_t) override {}  // the loop rolls the shared cache back

  std::vector<std::int64_t> agreeing_runs(std::span<const std::int32_t> tokens, std::size_t prompt) override {
    const auto vocab = static_cast<std::size_t>(target_->decoder().config().vocab);
    const std::size_t inputs = tokens.size() - 1;  // the last output is never fed
    std::vector<bool> matches(tokens.size() - prompt, false);
    target_->truncate(0);
    target_->forward(tokens.first(prompt - 1), 0);
    for (std::size_t at = prompt - 1; at < inputs;) {
      const std::size_t rows = std::min<std::size_t>(inputs - at, kSkinnyRows);
      const std::span<const float> logits =
          target_->forward_early(tokens.subspan(at, rows), exit_layer_, static_cast<std::int64_t>(rows));
      for (std::size_t i = 0; i < rows; ++i)
        matches[at + i + 1 - prompt] = argmax(logits.subspan(i * vocab, vocab)) == tokens[at + i + 1];
      target_->forward_rest(exit_layer_, 0);
      at += rows;
    }
    return runs_of(matches);
  }

  bool probabilistic() const override { return true; }
  PassCost take_cost() override { return std::exchange(cost_, {}); }
  std::int64_t take_passes() override { return std::exchange(passes_, 0); }

 private:
  std::shared_ptr<DecoderSession> target_;
  std::int64_t exit_layer_;
  DraftRound round_;
  PassCost cost_;
  std::int64_t passes_ = 0;
};

}  // namespace

std::unique_ptr<Drafter> make_self_drafter(std::shared_ptr<DecoderSession> target, std::int64_t exit_layer) {
  return std::make_unique<SelfDrafter>(std::move(target), exit_layer);
}

}  // namespace dynexec::speculative
