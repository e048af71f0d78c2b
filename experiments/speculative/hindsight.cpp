#include "experiments/speculative/hindsight.hpp"

#include <algorithm>

namespace dynexec::speculative {

double predicted_rounds_ms(const CostTable& costs, std::span<const Round> rounds) {
  const bool drafts = std::any_of(rounds.begin(), rounds.end(), [](auto& round) { return round.previews > 0; });
  double total = drafts ? costs.draft_prefill_ms : 0;
  for (const Round& round : rounds) total += costs.round_ms(round.previews, round.drafted);
  return total;
}

double oracle_rounds_ms(const CostTable& costs, std::span<const std::int64_t> runs, std::int64_t max_length) {
  const std::size_t tokens = runs.size();
  std::vector<double> rest(tokens + 1, 0);  // rest[t]: least time with t tokens committed
  for (std::size_t t = tokens; t-- > 1;) {
    const std::int64_t left = static_cast<std::int64_t>(tokens - t);
    const std::int64_t longest = std::min({runs[t], max_length, left - 1});
    double best = costs.round_ms(0, 0) + rest[t + 1];
    for (std::int64_t k = 1; k <= longest; ++k)
      best = std::min(best, costs.round_ms(k, k) + rest[t + static_cast<std::size_t>(k) + 1]);
    rest[t] = best;
  }
  if (tokens < 2) return 0;
  // Speculation that does not win back the drafter's reading of the prompt is left off.
  return std::min(rest[1] + costs.draft_prefill_ms, static_cast<double>(tokens - 1) * costs.round_ms(0, 0));
}

}  // namespace dynexec::speculative
