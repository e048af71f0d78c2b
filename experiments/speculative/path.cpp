#include "experiments/speculative/path.hpp"

#include <limits>
#include <map>

#include "base/error.hpp"
#include "experiments/speculative/hindsight.hpp"

namespace dynexec::speculative {
namespace {

class DecodePath : public Path {
 public:
  explicit DecodePath(PathParts parts) : parts_(std::move(parts)) {
    info_.name = parts_.options.name;
    info_.method = parts_.options.speculative() ? "speculative" : "autoregressive";
    info_.setting = parts_.options.describe();
    // Where the logits of a token depend on those beside it, verifying may choose otherwise than decoding does.
    info_.lossless = one_output() && parts_.same_weights && parts_.options.weights.device == ComputeDevice::cpu;
    info_.host_only = parts_.options.weights.device != ComputeDevice::cuda &&
                      parts_.options.draft_weights.device != ComputeDevice::cuda;
    if (parts_.options.speculative()) parts_.calibration->require_length(parts_.options.policy.max_length);
  }

  const PathInfo& info() const override { return info_; }

  void prepare() override {
    const Calibration& calibration = parts_.calibration->get();
    std::unique_ptr<Drafter> drafter;
    std::unique_ptr<LengthPolicy> policy;
    if (parts_.options.speculative()) {
      drafter = parts_.make_drafter();
      policy = parts_.options.policy.name == "cost_aware"
                   ? make_cost_aware_policy(parts_.options.policy, calibration.costs, calibration.curve)
                   : make_policy(parts_.options.policy);
    }
    loop_ = std::make_unique<DecodeLoop>(parts_.target, std::move(drafter), std::move(policy), parts_.generation);
  }

  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                           const RunRequest& request) override {
    if (samples.size() != 1)
      throw Error(ErrorKind::config, "decoding is measured at batch size 1", "bench.batch_size",
                  "remove batch_size; batches of one sequence after another would not be a batch");
    const auto& input = std::any_cast<const TextInput&>(samples[0].input);
    const std::vector<std::int32_t> prompt = parts_.tokenizer->encode(input.prompt, true);
    DecodeResult result = loop_->run({.prompt = prompt,
                                      .streams = streams[0],
                                      .trace = request.trace,
                                      .track_gap = parts_.generation.sampling.greedy(),
                                      .observer = {}});
    Outcome outcome;
    outcome.output = TextOutput{.text = parts_.tokenizer->decode(result.tokens, true),
                                .tokens = result.tokens,
                                .top_gap = std::move(result.top_gap)};
    outcome.cost = result.cost;
    outcome.first_token_ms = result.first_token_ms;
    outcome.prefill_ms = result.prefill_ms;
    outcome.trace = std::move(result.trace);
    last_rounds_ = std::move(result.rounds);
    std::vector<Outcome> outcomes;
    outcomes.push_back(std::move(outcome));
    return outcomes;
  }

  std::optional<Mismatch> compare(const Outcome& baseline, const Outcome& mine) const override {
    const auto& expected = std::any_cast<const TextOutput&>(baseline.output);
    const auto& found = std::any_cast<const TextOutput&>(mine.output);
    const std::size_t common = std::min(expected.tokens.size(), found.tokens.size());
    std::size_t at = 0;
    while (at < common && expected.tokens[at] == found.tokens[at]) ++at;
    if (at == expected.tokens.size() && at == found.tokens.size()) return std::nullopt;
    const double gap = at < expected.top_gap.size() ? static_cast<double>(expected.top_gap[at])
                                                    : std::numeric_limits<double>::quiet_NaN();
    return Mismatch{.position = static_cast<std::int64_t>(at), .logit_gap = gap};
  }

  double tensor_bytes() const override {
    double bytes = parts_.target->decoder().memory_bytes() + parts_.target->memory_bytes();
    if (parts_.options.speculative()) bytes += parts_.make_drafter()->memory_bytes();
    return bytes;
  }

  void analyse(const Sample& sample, const Streams&, Outcome& outcome) override {
    parts_.calibration->running().add(last_rounds_);
    const CostTable costs = parts_.calibration->running().table();
    outcome.predicted_ms = outcome.first_token_ms + predicted_rounds_ms(costs, last_rounds_);
    if (parts_.hardware) model_energy(*parts_.hardware, work_of(outcome.cost), outcome);
    if (!one_output()) return;  // hindsight needs the one output that all draft lengths share
    const auto& output = std::any_cast<const TextOutput&>(outcome.output);
    Agreement& agreement = agreements_[sample.index];
    if (agreement.tokens != output.tokens) agreement = {output.tokens, agreeing_runs(sample, output)};
    outcome.oracle_ms =
        outcome.first_token_ms + oracle_rounds_ms(costs, agreement.runs, parts_.calibration->max_length());
  }

 private:
  // Whatever the draft length. With sampling, outputs agree in distribution, not token by token.
  bool one_output() const { return parts_.options.speculative() && parts_.generation.sampling.greedy(); }

  // Each cached key or value meets as many multiply-accumulates as query heads share it.
  Work work_of(const Cost& cost) const {
    const DecoderConfig& config = parts_.target->decoder().config();
    const double shared = static_cast<double>(config.heads) / static_cast<double>(config.kv_heads);
    return {.macs = cost.macs,
            .weight_bytes = cost.weight_bytes,
            .matrices = {},
            .dynamic_macs = std::min(cost.macs, cost.kv_bytes / parts_.target->cache_value_bytes() * shared),
            .activation_bytes = cost.kv_bytes};
  }

  // The same for all repetitions of a sample.
  std::vector<std::int64_t> agreeing_runs(const Sample& sample, const TextOutput& output) {
    std::vector<std::int32_t> tokens =
        parts_.tokenizer->encode(std::any_cast<const TextInput&>(sample.input).prompt, true);
    const std::size_t prompt = tokens.size();
    tokens.insert(tokens.end(), output.tokens.begin(), output.tokens.end());
    if (!oracle_drafter_) oracle_drafter_ = parts_.make_drafter();
    return oracle_drafter_->agreeing_runs(tokens, prompt);
  }

  struct Agreement {
    std::vector<std::int32_t> tokens;
    std::vector<std::int64_t> runs;
  };

  PathParts parts_;
  PathInfo info_;
  std::unique_ptr<DecodeLoop> loop_;
  std::vector<Round> last_rounds_;  // of the latest run(), for analyse()
  std::unique_ptr<Drafter> oracle_drafter_;
  std::map<std::size_t, Agreement> agreements_;  // by sample
};

}  // namespace

std::unique_ptr<Path> make_path(PathParts parts) {
  return std::make_unique<DecodePath>(std::move(parts));
}

}  // namespace dynexec::speculative
