#include "experiments/speculative/calibration.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.hpp"
#include "measure/statistics.hpp"

namespace dynexec::speculative {
namespace {

constexpr std::int64_t kLeastRounds = 5;  // per draft length, for a median

// Draft lengths 0..max in turn.
class Cycle : public LengthPolicy {
 public:
  explicit Cycle(std::int64_t max) : max_(max) {}
  // The cycle runs on over sequences, so that short outputs do not favour short drafts.
  std::int64_t cap() const override { return round_++ % (max_ + 1); }
  bool needs_signals() const override { return true; }

 private:
  std::int64_t max_;
  mutable std::int64_t round_ = 0;
};

struct Measurements {
  explicit Measurements(std::int64_t max_length) : verify_ms(static_cast<std::size_t>(max_length) + 1) {}

  void add(const Round& round, std::span<const DraftToken> tokens) {
    ++rounds;
    const auto length = static_cast<std::size_t>(round.drafted);
    if (length < verify_ms.size()) verify_ms[length].push_back(round.verify_ms);
    if (round.previews > 0) {
      (first_draft ? first_draft_rounds : draft_rounds).emplace_back(round.previews, round.draft_ms);
      first_draft = false;
    }
    for (std::int64_t i = 0; i < std::min(round.drafted, round.accepted + 1); ++i)
      observations.push_back({tokens[static_cast<std::size_t>(i)].signal.top_probability, i < round.accepted});
  }

  bool enough() const {
    return std::all_of(verify_ms.begin(), verify_ms.end(),
                       [](auto& times) { return static_cast<std::int64_t>(times.size()) >= kLeastRounds; });
  }

  CostTable table() {
    CostTable costs;
    std::vector<double> per_token, prefill;
    for (const auto& [previews, ms] : draft_rounds) per_token.push_back(ms / static_cast<double>(previews));
    if (!per_token.empty()) costs.draft_ms = median_of(per_token);
    for (const auto& [previews, ms] : first_draft_rounds)
      prefill.push_back(std::max(0.0, ms - static_cast<double>(previews) * costs.draft_ms));
    if (!prefill.empty()) costs.draft_prefill_ms = median_of(prefill);
    for (std::vector<double>& times : verify_ms) {
      // A length that never came up (a look-up that finds only short runs) takes the time of the one below.
      const double last = costs.verify_ms.empty() ? 0 : costs.verify_ms.back();
      // More rows never cost less; a smaller median is noise.
      costs.verify_ms.push_back(times.empty() ? last : std::max(last, median_of(times)));
    }
    costs.decode_ms = costs.verify_ms.front();
    return costs;
  }

  std::vector<std::vector<double>> verify_ms;
  std::vector<std::pair<std::int64_t, double>> draft_rounds, first_draft_rounds;  // previews and their time
  bool first_draft = true;                                                        // of the current sequence
  std::vector<AcceptanceCurve::Observation> observations;
  std::int64_t rounds = 0;
};

}  // namespace

double CostTable::verify(std::int64_t rows) const {
  const auto count = static_cast<std::int64_t>(verify_ms.size());
  if (rows <= count) return verify_ms[static_cast<std::size_t>(rows) - 1];
  const double last = verify_ms.back();
  const double slope = count > 1 ? last - verify_ms[verify_ms.size() - 2] : 0;
  return last + slope * static_cast<double>(rows - count);
}

double CostTable::round_ms(std::int64_t previews, std::int64_t drafted) const {
  const double target = drafted == 0 && previews == 0 ? decode_ms : verify(drafted + 1);
  return static_cast<double>(previews) * draft_ms + target;
}

Calibration calibrate(std::shared_ptr<DecoderSession> target, std::unique_ptr<Drafter> drafter,
                      const GenerationOptions& generation, std::span<const std::vector<std::int32_t>> prompts,
                      const CalibrationOptions& options) {
  if (prompts.empty())
    throw Error(ErrorKind::config, "there are no calibration prompts", "", "set calibration.samples to at least 1");
  const std::int64_t max_length = drafter ? options.max_length : 0;
  std::unique_ptr<LengthPolicy> cycle;
  if (drafter) cycle = std::make_unique<Cycle>(max_length);
  DecodeLoop loop(std::move(target), std::move(drafter), std::move(cycle), generation);
  Measurements measurements(max_length);
  DecodeRequest request;
  request.observer = [&](const Round& round, std::span<const DraftToken> tokens) { measurements.add(round, tokens); };

  const auto start = std::chrono::steady_clock::now();
  const auto elapsed_ms = [&] {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  // Two passes at most when the budget is used up: a look-up may never produce some lengths.
  for (std::uint64_t i = 0; i < 2 * prompts.size() || elapsed_ms() < options.budget_ms; ++i) {
    const std::vector<std::int32_t>& prompt = prompts[static_cast<std::size_t>(i % prompts.size())];
    request.prompt = prompt;
    request.streams = {.seed = options.seed, .sample = i, .repetition = 0};
    measurements.first_draft = true;
    loop.run(request);
    if (i == 0) measurements = Measurements(max_length);  // the first run warms caches up
    if (elapsed_ms() >= options.budget_ms && measurements.enough()) break;
  }
  Calibration result;
  result.rounds = measurements.rounds;
  result.curve = AcceptanceCurve::fit(std::move(measurements.observations));
  result.costs = measurements.table();
  return result;
}

const Calibration& SharedCalibration::get() {
  if (!result_) result_ = std::make_unique<Calibration>(measure_(max_length_));
  return *result_;
}

RunningCosts& SharedCalibration::running() {
  if (!running_) running_ = std::make_unique<RunningCosts>(get().costs);
  return *running_;
}

}  // namespace dynexec::speculative
