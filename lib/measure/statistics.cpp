#include "measure/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "measure/binomial.hpp"

namespace dynexec {
namespace {

double polynomial(std::span<const double> coefficients, double x) {  // highest power first
  double sum = 0;
  for (const double c : coefficients) sum = sum * x + c;
  return sum;
}

}  // namespace

double mean_of(std::span<const double> values) {
  if (values.empty()) return kMissing;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double median_of(std::span<const double> values) {
  return quantile_of(values, 0.5);
}

double quantile_of(std::span<const double> values, double p) {
  if (values.empty()) return kMissing;
  std::vector<double> sorted(values.begin(), values.end());
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(sorted.begin(), nth, sorted.end());
  const double low = *nth;
  const double fraction = position - static_cast<double>(below);
  if (fraction == 0) return low;
  return low + fraction * (*std::min_element(nth + 1, sorted.end()) - low);
}

std::int64_t samples_for_percentile(double p) {
  return static_cast<std::int64_t>(std::ceil(10.0 / (1.0 - p) - 1e-6));
}

Interval percentile_with_interval(std::span<const double> values, double p, double confidence) {
  const auto n = static_cast<std::int64_t>(values.size());
  Interval result;
  if (n == 0 || (p != 0.5 && n < samples_for_percentile(p))) return result;
  result.value = quantile_of(values, p);
  // The count of values below the true quantile is binomial: take the ranks that cut off at most tail on each
  // side.
  const double tail = (1 - confidence) / 2;
  std::int64_t low = 0, high = n + 1;  // 1-based ranks; 0 and n + 1 do not exist
  double below = 0;
  for (std::int64_t k = 0; k <= n; ++k) {
    below += std::exp(log_binomial_pmf(k, n, p));
    if (below <= tail) low = k + 1;
    if (below >= 1 - tail) {
      high = k + 1;
      break;
    }
  }
  if (low < 1 || high > n) return result;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  result.low = sorted[static_cast<std::size_t>(low - 1)];
  result.high = sorted[static_cast<std::size_t>(high - 1)];
  return result;
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

// Wichura 1988, Applied Statistics 37(3), algorithm AS 241, routine PPND16.
double normal_quantile(double p) {
  if (std::isnan(p) || p < 0 || p > 1) return kMissing;
  if (p == 0) return -std::numeric_limits<double>::infinity();
  if (p == 1) return std::numeric_limits<double>::infinity();
  static constexpr double kA[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
                                  45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
                                  133.14166789178437745, 3.387132872796366608};
  static constexpr double kB[] = {
      5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
      5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
  static constexpr double kC[] = {7.7454501427834140764e-4, .0227238449892691845833, .24178072517745061177,
                                  1.27045825245236838258,   3.64784832476320460504,  5.7694972214606914055,
                                  4.6303378461565452959,    1.42343711074968357734};
  static constexpr double kD[] = {
      1.05075007164441684324e-9, 5.475938084995344946e-4, .0151986665636164571966, .14810397642748007459,
      .68976733498510000455,     1.6763848301838038494,   2.05319162663775882187,  1.0};
  static constexpr double kE[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, .0012426609473880784386,
                                  .026532189526576123093,    .29656057182850489123,     1.7848265399172913358,
                                  5.4637849111641143699,     6.6579046435011037772};
  static constexpr double kF[] = {
      2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      .0148753612908506148525,    .13692988092273580531,    .59983220655588793769,    1.0};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(kA, r) / polynomial(kB, r);
  }
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  const double x =
      r <= 5 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6) : polynomial(kE, r - 5) / polynomial(kF, r - 5);
  return q < 0 ? -x : x;
}

Interval wilson_interval(std::int64_t successes, std::int64_t trials, double confidence) {
  Interval result;
  if (trials <= 0) return result;
  const double n = static_cast<double>(trials), z = normal_quantile(0.5 + confidence / 2);
  const double share = static_cast<double>(successes) / n;
  const double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {share, successes == 0 ? 0.0 : centre - half, successes == trials ? 1.0 : centre + half};
}

Interval paired_proportion_interval(std::int64_t gained, std::int64_t lost, std::int64_t pairs, double confidence) {
  Interval result;
  if (pairs <= 0) return result;
  const double up = static_cast<double>(gained), down = static_cast<double>(lost);
  const double n = static_cast<double>(pairs) + 2;
  const double centre = (up - down) / n;
  const double spread = std::sqrt((up + down + 1) / n - centre * centre);
  const double half = normal_quantile(0.5 + confidence / 2) * spread / std::sqrt(n);
  return {(up - down) / static_cast<double>(pairs), std::max(-1.0, centre - half), std::min(1.0, centre + half)};
}

std::string quality_verdict(const Interval& delta, double margin, bool higher_is_better) {
  if (std::isnan(delta.low) || std::isnan(delta.high)) return "";
  const double worst = higher_is_better ? delta.low : -delta.high;
  const double best = higher_is_better ? delta.high : -delta.low;
  if (worst >= -margin) return "non-inferior";
  return best < -margin ? "inferior" : "undecided";
}

}  // namespace dynexec
