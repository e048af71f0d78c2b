#include "experiments/speculative/round.hpp"

#include <algorithm>
#include <cmath>

namespace dynexec::speculative {

DraftRound::DraftRound(std::int64_t vocab) : vocab_(static_cast<std::size_t>(vocab)) {}

void DraftRound::begin(std::span<const std::int32_t> context, const SamplingOptions& options, bool signals) {
  history_.assign(context.begin(), context.end());
  context_ = context;
  options_ = options;
  signals_ = signals;
  drafted_ = 0;
}

DraftSignal DraftRound::preview(std::span<const float> logits) {
  logits = logits.first(std::min(logits.size(), vocab_));
  signal_ = {};
  if (signals_) {
    const SoftmaxFigures figures = softmax_figures(logits);
    log_sum_ = figures.log_sum;
    signal_ = {.entropy = figures.entropy, .top_probability = figures.top_probability};
    logits_.assign(logits.begin(), logits.end());
  }
  if (options_.greedy() && options_.repetition_penalty == 1) {
    greedy_token_ = argmax(logits);
  } else {
    distributions_.resize(std::max(distributions_.size(), (drafted_ + 1) * vocab_));
    warp(logits, options_, history_, {distributions_.data() + drafted_ * vocab_, vocab_});
  }
  return signal_;
}

DraftToken DraftRound::take(RandomStream& stream) {
  DraftToken result;
  if (!options_.greedy()) {
    result.token = draw(distribution(drafted_), stream.uniform());
  } else if (options_.repetition_penalty == 1) {
    result.token = greedy_token_;
  } else {
    const std::span<const float> one_hot(distributions_.data() + drafted_ * vocab_, vocab_);
    result.token = argmax(one_hot);
  }
  result.signal = signal_;
  if (signals_)
    result.confidence = std::exp(static_cast<double>(logits_[static_cast<std::size_t>(result.token)]) - log_sum_);
  history_.resize(context_.size() + drafted_);
  history_.push_back(result.token);
  ++drafted_;
  return result;
}

std::span<const float> DraftRound::distribution(std::size_t i) const {
  if (options_.greedy()) return {};
  return {distributions_.data() + i * vocab_, vocab_};
}

}  // namespace dynexec::speculative
