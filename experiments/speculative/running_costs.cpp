#include "experiments/speculative/running_costs.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace dynexec::speculative {

void RunningCosts::Recent::add(double factor) {
  values_[count_++ % kKept] = factor;
}

double RunningCosts::Recent::mean() const {
  std::array<double, kKept> sorted = values_;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(count_, kKept));
  std::sort(sorted.begin(), end);
  const double bound = kInterrupted * sorted[static_cast<std::size_t>(end - sorted.begin()) / 2];
  const auto last = std::upper_bound(sorted.begin(), end, bound);
  return std::accumulate(sorted.begin(), last, 0.0) / static_cast<double>(last - sorted.begin());
}

RunningCosts::RunningCosts(CostTable calibrated)
    : calibrated_(std::move(calibrated)), verify_(calibrated_.verify_ms.size()) {}

void RunningCosts::add(std::span<const Round> rounds) {
  bool first_draft = true;
  for (const Round& round : rounds) {
    const auto length = static_cast<std::size_t>(round.drafted);
    if (length < verify_.size() && calibrated_.verify_ms[length] > 0)
      verify_[length].add(round.verify_ms / calibrated_.verify_ms[length]);
    if (round.previews == 0 || calibrated_.draft_ms <= 0) continue;
    const double drafting = static_cast<double>(round.previews) * calibrated_.draft_ms;
    if (!first_draft) {
      draft_.add(round.draft_ms / drafting);
    } else if (calibrated_.draft_prefill_ms > 0) {
      draft_prefill_.add(std::max(0.0, round.draft_ms - drafting) / calibrated_.draft_prefill_ms);
    }
    first_draft = false;
  }
}

CostTable RunningCosts::table() const {
  CostTable costs = calibrated_;
  if (!draft_.empty()) costs.draft_ms *= draft_.mean();
  if (!draft_prefill_.empty()) costs.draft_prefill_ms *= draft_prefill_.mean();

  const auto known = [&](std::size_t length) { return !verify_[length].empty(); };
  std::size_t below = verify_.size();  // the nearest length that came up, if any
  for (std::size_t length = 0; length < verify_.size(); ++length) {
    if (known(length)) below = length;
    std::size_t above = length;
    while (above < verify_.size() && !known(above)) ++above;
    const bool has_below = below < verify_.size(), has_above = above < verify_.size();
    if (!has_below && !has_above) break;
    double factor = verify_[has_above ? above : below].mean();
    if (has_below && has_above && above > below) {
      const double share = static_cast<double>(length - below) / static_cast<double>(above - below);
      factor = (1 - share) * verify_[below].mean() + share * factor;
    }
    costs.verify_ms[length] *= factor;
  }
  costs.decode_ms = costs.verify_ms.empty() ? costs.decode_ms : costs.verify_ms.front();
  return costs;
}

}  // namespace dynexec::speculative
