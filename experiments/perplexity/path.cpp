#include "experiments/perplexity/path.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "models/sampling.hpp"

namespace dynexec::perplexity {
namespace {

// Tokens whose logits are held at a time.
constexpr std::size_t kRows = 64;

class ScoringPath : public Path {
 public:
  explicit ScoringPath(PathParts parts) : parts_(std::move(parts)) {
    info_ = {.name = parts_.name,
             .method = "likelihood",
             .setting = "weights " + parts_.session->decoder().formats().name(),
             .lossless = false,
             .host_only = parts_.session->decoder().formats().device != ComputeDevice::cuda};
  }

  const PathInfo& info() const override { return info_; }

  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams>, const RunRequest&) override {
    DecoderSession& session = *parts_.session;
    const ScoredIds text = scored_ids(*parts_.tokenizer, samples[0], session.capacity());
    Outcome outcome;
    Surprise surprise;
    const auto vocab = static_cast<std::size_t>(session.decoder().config().vocab);
    session.truncate(0);
    // The last token is only looked for, never read.
    for (std::size_t begin = 0; begin + 1 < text.ids.size();) {
      const std::size_t end = std::min(text.ids.size() - 1, begin + kRows);
      const std::size_t counted = end - std::clamp(text.first - 1, begin, end);
      const std::span<const float> logits =
          session.forward(std::span(text.ids).subspan(begin, end - begin), static_cast<std::int64_t>(counted));
      for (std::size_t r = 0; r < counted; ++r) {
        const std::span<const float> row = logits.subspan(r * vocab, vocab);
        const auto next = static_cast<std::size_t>(text.ids[end - counted + r + 1]);
        surprise.nats += softmax_figures(row).log_sum - static_cast<double>(row[next]);
        surprise.best.push_back(argmax(row));
      }
      const PassCost& pass = session.last_cost();
      outcome.cost.macs += pass.macs;
      outcome.cost.weight_bytes += pass.weight_bytes;
      outcome.cost.kv_bytes += pass.kv_bytes;
      begin = end;
    }
    surprise.tokens = static_cast<std::int64_t>(surprise.best.size());
    outcome.cost.prompt_tokens = static_cast<std::int64_t>(text.ids.size());
    outcome.output = std::move(surprise);
    std::vector<Outcome> outcomes;
    outcomes.push_back(std::move(outcome));
    return outcomes;
  }

  // The first token at which the two models would have gone on differently.
  std::optional<Mismatch> compare(const Outcome& baseline, const Outcome& mine) const override {
    const auto& expected = std::any_cast<const Surprise&>(baseline.output).best;
    const auto& found = std::any_cast<const Surprise&>(mine.output).best;
    const auto at = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
    if (at.first == expected.end() && at.second == found.end()) return std::nullopt;
    return Mismatch{.position = at.first - expected.begin(), .logit_gap = std::numeric_limits<double>::quiet_NaN()};
  }

  double tensor_bytes() const override {
    return parts_.session->decoder().memory_bytes() + parts_.session->memory_bytes();
  }

 private:
  PathParts parts_;
  PathInfo info_;
};

}  // namespace

ScoredIds scored_ids(const Tokenizer& tokenizer, const Sample& sample, std::int64_t most) {
  const auto& input = std::any_cast<const TextInput&>(sample.input);
  ScoredIds text{.ids = tokenizer.encode(input.prompt, true)};
  if (!input.solution.empty()) {
    text.first = std::max<std::size_t>(1, text.ids.size());
    const std::vector<std::int32_t> solution = tokenizer.encode(input.solution, false);
    text.ids.insert(text.ids.end(), solution.begin(), solution.end());
  }
  text.ids.resize(std::min(text.ids.size(), static_cast<std::size_t>(most)));
  if (text.ids.size() <= text.first)
    throw Error(ErrorKind::data, "the text has no token that could be foretold", sample.id,
                "give longer texts, or more positions with model.max_context");
  return text;
}

std::unique_ptr<Path> make_path(PathParts parts) {
  return std::make_unique<ScoringPath>(std::move(parts));
}

}  // namespace dynexec::perplexity
