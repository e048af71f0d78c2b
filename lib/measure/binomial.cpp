#include "measure/binomial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dynexec {
namespace {

double lgamma_factorial(std::int64_t m) {
  return std::lgamma(static_cast<double>(m) + 1);
}

template <class LogFactorial>
double log_pmf_of(std::int64_t k, std::int64_t n, double p, const LogFactorial& log_factorial) {
  if (p <= 0) return k == 0 ? 0 : -std::numeric_limits<double>::infinity();
  if (p >= 1) return k == n ? 0 : -std::numeric_limits<double>::infinity();
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k) + static_cast<double>(k) * std::log(p) +
         static_cast<double>(n - k) * std::log1p(-p);
}

// Adds terms downwards from k while they matter; the ratio of neighbours is rational, so one exponential is enough.
template <class LogFactorial>
double lower_sum(std::int64_t k, std::int64_t n, double p, const LogFactorial& log_factorial) {
  double term = std::exp(log_pmf_of(k, n, p, log_factorial)), sum = term;
  const double odds = (1 - p) / p;
  for (std::int64_t j = k; j > 0; --j) {
    const double ratio = static_cast<double>(j) / static_cast<double>(n - j + 1) * odds;
    term *= ratio;
    sum += term;
    // Ratios fall from here on, so what is left is below a geometric series.
    if (ratio < 1 && term * ratio < 1e-17 * sum * (1 - ratio)) break;
  }
  return sum;
}

template <class LogFactorial>
double cdf_of(std::int64_t k, std::int64_t n, double p, const LogFactorial& log_factorial) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (p <= 0) return 1;
  if (p >= 1) return 0;
  const double cdf = static_cast<double>(k) <= static_cast<double>(n) * p
                         ? lower_sum(k, n, p, log_factorial)
                         : 1 - lower_sum(n - k - 1, n, 1 - p, log_factorial);
  return std::clamp(cdf, 0.0, 1.0);
}

}  // namespace

double log_binomial_pmf(std::int64_t k, std::int64_t n, double p) {
  return log_pmf_of(k, n, p, lgamma_factorial);
}

double binomial_cdf(std::int64_t k, std::int64_t n, double p) {
  return cdf_of(k, n, p, lgamma_factorial);
}

BinomialTable::BinomialTable(std::int64_t most) {
  for (std::int64_t m = 0; m <= most; ++m) log_factorials_.push_back(lgamma_factorial(m));
}

double BinomialTable::log_pmf(std::int64_t k, std::int64_t n, double p) const {
  return log_pmf_of(k, n, p, [this](std::int64_t m) { return log_factorials_[static_cast<std::size_t>(m)]; });
}

double BinomialTable::cdf(std::int64_t k, std::int64_t n, double p) const {
  return cdf_of(k, n, p, [this](std::int64_t m) { return log_factorials_[static_cast<std::size_t>(m)]; });
}

}  // namespace dynexec
