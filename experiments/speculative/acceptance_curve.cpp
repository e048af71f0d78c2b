#include <algorithm>

#include "experiments/speculative/policy.hpp"

namespace dynexec::speculative {

AcceptanceCurve AcceptanceCurve::fit(std::vector<Observation> observations, std::size_t min_observations) {
  AcceptanceCurve curve;
  if (observations.empty()) return curve;
  const auto accepted = std::count_if(observations.begin(), observations.end(), [](auto& o) { return o.accepted; });
  curve.mean_ = static_cast<double>(accepted) / static_cast<double>(observations.size());
  curve.sample_ = {curve.mean_};
  if (observations.size() < min_observations) return curve;

  std::sort(observations.begin(), observations.end(), [](auto& a, auto& b) { return a.signal < b.signal; });
  struct Block {
    double first, last, sum, weight;
    double mean() const { return sum / weight; }
  };
  std::vector<Block> blocks;
  for (const Observation& o : observations) {
    blocks.push_back({o.signal, o.signal, o.accepted ? 1.0 : 0.0, 1.0});
    // Equal signals form one block; neighbours that violate the order are pooled.
    while (blocks.size() > 1) {
      Block& last = blocks.back();
      Block& before = blocks[blocks.size() - 2];
      if (before.last != last.first && before.mean() < last.mean()) break;
      before.last = last.last, before.sum += last.sum, before.weight += last.weight;
      blocks.pop_back();
    }
  }
  // One pseudo-observation at the mean keeps a small block from claiming certainty.
  for (const Block& block : blocks) {
    curve.knots_.push_back((block.first + block.last) / 2);
    curve.values_.push_back((block.sum + curve.mean_) / (block.weight + 1));
  }
  for (std::size_t i = 1; i < curve.values_.size(); ++i)
    curve.values_[i] = std::max(curve.values_[i], curve.values_[i - 1]);
  curve.sample_.clear();
  for (const Observation& o : observations) curve.sample_.push_back(curve(o.signal));
  return curve;
}

double AcceptanceCurve::operator()(double signal) const {
  if (knots_.empty()) return mean_;
  const auto above = std::upper_bound(knots_.begin(), knots_.end(), signal);
  if (above == knots_.begin()) return values_.front();
  if (above == knots_.end()) return values_.back();
  const auto i = static_cast<std::size_t>(above - knots_.begin());
  const double share = (signal - knots_[i - 1]) / (knots_[i] - knots_[i - 1]);
  return values_[i - 1] + share * (values_[i] - values_[i - 1]);
}

}  // namespace dynexec::speculative
