#include "measure/quality_test.hpp"

#include <algorithm>
#include <cmath>

#include "measure/binomial.hpp"

namespace dynexec {
namespace {

constexpr int kGrid = 160;        // shares of gains that are tried, denser towards none, where counts are small
constexpr int kRefinements = 24;  // around the worst of them
constexpr int kStakes = 64;

bool is_binary(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0 || value == 1; });
}

// Tango's score statistic: how far the net loss lies below n * margin, in standard deviations estimated under the
// restriction that the mean drop is the margin. Low values speak for the path.
double score(double lost, double gained, double n, double margin) {
  const double b = (lost + gained) * (1 - margin) - 2 * margin * (n - lost);
  const double gain = (b + std::sqrt(b * b + 8 * n * gained * margin * (1 - margin))) / (4 * n);
  return (lost - gained - n * margin) / std::sqrt(n * (2 * gain + margin - margin * margin));
}

// The outcomes at least as good as the one seen: for each number of gains the most losses.
class Region {
 public:
  Region(const DropCounts& counts, double margin) : n_(counts.samples), margin_(margin), binomial_(counts.samples) {
    const double n = static_cast<double>(n_);
    const double seen = score(static_cast<double>(counts.lost), static_cast<double>(counts.gained), n, margin) + 1e-9;
    // More gains allow for more losses, so both counts only go up.
    std::int64_t lost = -1;
    for (std::int64_t gained = 0; gained <= n_; ++gained) {
      lost = std::min(lost, n_ - gained);
      while (lost < n_ - gained && score(static_cast<double>(lost + 1), static_cast<double>(gained), n, margin) <= seen)
        ++lost;
      most_lost_.push_back(lost);
    }
  }

  // Its probability when a sample is gained with probability `gain` and lost with gain + margin.
  double probability(double gain) const {
    const double loss = std::min(1.0, (gain + margin_) / (1 - gain));  // given that it is not gained
    const double centre = static_cast<double>(n_) * gain, spread = std::sqrt(centre * (1 - gain));
    const auto first = static_cast<std::int64_t>(std::max(0.0, centre - 9 * spread - 9));
    const auto last = std::min(n_, static_cast<std::int64_t>(centre + 9 * spread + 30));
    double sum = 0;
    for (std::int64_t gained = first; gained <= last; ++gained) {
      const std::int64_t lost = most_lost_[static_cast<std::size_t>(gained)];
      if (lost < 0) continue;
      const double share = std::exp(binomial_.log_pmf(gained, n_, gain));
      if (share > 0) sum += share * binomial_.cdf(lost, n_ - gained, loss);
    }
    return sum;
  }

 private:
  std::int64_t n_;
  double margin_;
  BinomialTable binomial_;
  std::vector<std::int64_t> most_lost_;
};

// 1 over the mean of exp(log_wealth(stake)) over the stakes, at most 1.
template <class LogWealth>
double inverse_mean_wealth(double margin, const LogWealth& log_wealth) {
  // A stake must leave something also after a sample that is wholly lost.
  const double highest = 1 / (1 - margin), ratio = std::pow(1e-3, 1.0 / (kStakes - 1));
  std::vector<double> logs;
  double stake = 0.99 * highest;
  for (int i = 0; i < kStakes; ++i, stake *= ratio) logs.push_back(log_wealth(stake));
  const double top = *std::max_element(logs.begin(), logs.end());
  double mean = 0;
  for (const double log : logs) mean += std::exp(log - top) / kStakes;
  return std::min(1.0, std::exp(-top) / mean);
}

}  // namespace

const std::vector<std::string>& quality_test_names() {
  static const std::vector<std::string> names{"auto", "exact", "hoeffding_bentkus", "betting"};
  return names;
}

QualityTest choose_quality_test(std::span<const double> baseline, std::span<const double> path) {
  return is_binary(baseline) && is_binary(path) ? QualityTest::exact : QualityTest::betting;
}

double exact_drop_p(const DropCounts& counts, double margin) {
  if (counts.samples <= 0) return 1;
  const Region region(counts, margin);
  // Losses outnumber gains by the margin at least: the likelihood of the region falls from there on, so the largest
  // probability lies on that line.
  const double most = (1 - margin) / 2;
  const auto gain_at = [&](double place) { return most * place * place; };  // place in [0, 1]
  double worst = 0, at = 0;
  for (int i = 0; i <= kGrid; ++i) {
    const double place = static_cast<double>(i) / kGrid, p = region.probability(gain_at(place));
    if (p > worst) worst = p, at = place;
  }
  for (int i = -kRefinements; i <= kRefinements; ++i) {
    const double place = at + static_cast<double>(i) / (kRefinements * kGrid);
    if (place > 0 && place < 1) worst = std::max(worst, region.probability(gain_at(place)));
  }
  return std::min(1.0, worst);
}

double hoeffding_bentkus_p(double risk, std::int64_t n, double margin, bool binary) {
  if (n <= 0) return 1;
  const double count = static_cast<double>(n);
  const auto lost = static_cast<std::int64_t>(std::ceil(count * risk - 1e-9));
  const double tail = binomial_cdf(lost, n, margin);
  if (binary) return tail;
  const double a = std::min(risk, margin);
  const double divergence =
      (a > 0 ? a * std::log(a / margin) : 0) + (a < 1 ? (1 - a) * std::log((1 - a) / (1 - margin)) : 0);
  return std::min({1.0, std::exp(-count * divergence), std::exp(1.0) * tail});
}

double betting_drop_p(std::span<const double> drops, double margin) {
  return inverse_mean_wealth(margin, [&](double stake) {
    double sum = 0;
    for (const double drop : drops) sum += std::log1p(stake * (margin - drop));
    return sum;
  });
}

double quality_drop_p(std::span<const double> baseline, std::span<const double> path, double margin, QualityTest test) {
  if (test == QualityTest::automatic) test = choose_quality_test(baseline, path);
  std::vector<double> drops;
  DropCounts counts{.samples = static_cast<std::int64_t>(baseline.size())};
  double risk = 0;
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    const double drop = baseline[i] - path[i];
    drops.push_back(drop);
    counts.lost += drop > 0;
    counts.gained += drop < 0;
    risk += std::max(0.0, drop) / static_cast<double>(baseline.size());
  }
  if (test == QualityTest::exact) return exact_drop_p(counts, margin);
  if (test == QualityTest::betting) return betting_drop_p(drops, margin);
  return hoeffding_bentkus_p(risk, counts.samples, margin, is_binary(baseline) && is_binary(path));
}

std::int64_t samples_to_pass(double margin, double level, QualityTest test) {
  if (test != QualityTest::betting) {
    // The chance that a path which loses the margin loses nothing on n samples is (1 - margin)^n.
    return static_cast<std::int64_t>(std::ceil(std::log(level) / std::log1p(-margin) - 1e-9));
  }
  const auto p = [&](std::int64_t n) {
    return inverse_mean_wealth(margin,
                               [&](double stake) { return static_cast<double>(n) * std::log1p(stake * margin); });
  };
  std::int64_t low = 0, high = 16;
  while (p(high) > level) low = high, high *= 2;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (p(middle) <= level ? high : low) = middle;
  }
  return high;
}

}  // namespace dynexec
