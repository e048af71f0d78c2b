// The theory line and the oracle: what the measured costs say about a run's rounds, and about the best rounds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experiments/speculative/decode_loop.hpp"

namespace dynexec::speculative {

// Modelled time of the rounds that were run: sum of previews * T_draft + T(drafted + 1).
double predicted_rounds_ms(const CostTable& costs, std::span<const Round> rounds);

// Least modelled time to produce `runs.size()` tokens, the first of which the prompt's prefill gives, when every round
// may choose its draft length in hindsight. runs: Drafter::agreeing_runs. Dynamic programming over output positions; a
// draft is never longer than the run that agrees.
double oracle_rounds_ms(const CostTable& costs, std::span<const std::int64_t> runs, std::int64_t max_length);

}  // namespace dynexec::speculative
