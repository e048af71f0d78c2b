#include <algorithm>

#include "experiments/speculative/drafter.hpp"

namespace dynexec::speculative {
namespace {

class PromptLookupDrafter : public Drafter {
 public:
  explicit PromptLookupDrafter(const PromptLookupOptions& options) : options_(options) {}

  void start() override {}

  void begin_round(std::span<const std::int32_t> context, const SamplingOptions&, bool) override {
    tokens_.assign(context.begin(), context.end());
    committed_ = context.size();
    searched_ = false;
    next_ = matched_ = 0;
  }

  bool preview(DraftSignal& signal) override {
    if (!searched_) search();
    if (matched_ == 0 || next_ >= committed_) return false;
    signal = {.entropy = 0, .top_probability = strength()};
    return true;
  }

  DraftToken take(RandomStream&) override {
    const std::int32_t token = tokens_[next_++];
    tokens_.push_back(token);
    return {.token = token, .confidence = strength(), .signal = {.entropy = 0, .top_probability = strength()}};
  }

  std::span<const float> distribution(std::size_t) const override { return {}; }

  std::span<const float> verify(DecoderSession& target, PassCost& cost) override {
    const std::span<const std::int32_t> tokens(tokens_.data() + committed_ - 1, tokens_.size() - committed_ + 1);
    const std::span<const float> logits = target.forward(tokens, static_cast<std::int64_t>(tokens.size()));
    add(cost, target.last_cost());
    return logits;
  }

  void end_round(std::size_t) override {}
  std::vector<std::int64_t> agreeing_runs(std::span<const std::int32_t> tokens, std::size_t prompt) override {
    RandomStream unused(0, 0, 0, 0);
    std::vector<std::int64_t> runs;
    for (std::size_t at = prompt; at < tokens.size(); ++at) {
      begin_round(tokens.first(at), {}, false);
      DraftSignal signal;
      std::size_t run = 0;
      while (at + run < tokens.size() && preview(signal) && take(unused).token == tokens[at + run]) ++run;
      runs.push_back(static_cast<std::int64_t>(run));
    }
    return runs;
  }

  bool probabilistic() const override { return false; }
  PassCost take_cost() override { return {}; }
  std::int64_t take_passes() override { return 0; }

 private:
  double strength() const { return static_cast<double>(matched_) / static_cast<double>(options_.ngram_max); }

  void search() {
    searched_ = true;
    const auto longest = std::min(static_cast<std::size_t>(options_.ngram_max), committed_ - 1);
    for (std::size_t n = longest; n >= static_cast<std::size_t>(options_.ngram_min); --n) {
      const auto suffix = tokens_.end() - static_cast<std::ptrdiff_t>(n);
      // An occurrence must end before the last token, so that something follows it.
      const auto end = tokens_.end() - 1;
      const auto found = options_.most_recent ? std::find_end(tokens_.begin(), end, suffix, tokens_.end())
                                              : std::search(tokens_.begin(), end, suffix, tokens_.end());
      if (found != end) {
        matched_ = n;
        next_ = static_cast<std::size_t>(found - tokens_.begin()) + n;
        return;
      }
    }
  }

  PromptLookupOptions options_;
  std::vector<std::int32_t> tokens_;  // committed, then drafted
  std::size_t committed_ = 0;
  bool searched_ = false;
  std::size_t matched_ = 0;  // length of the n-gram that was found, 0: none
  std::size_t next_ = 0;     // position of the next proposal
};

}  // namespace

std::unique_ptr<Drafter> make_prompt_lookup_drafter(const PromptLookupOptions& options) {
  return std::make_unique<PromptLookupDrafter>(options);
}

}  // namespace dynexec::speculative
