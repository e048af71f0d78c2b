// Binomial probabilities for exact intervals and tests.
#pragma once

#include <cstdint>
#include <vector>

namespace dynexec {

// ln P(K = k) for K ~ Bin(n, p), 0 <= k <= n, p in [0, 1]; -inf where it is impossible.
double log_binomial_pmf(std::int64_t k, std::int64_t n, double p);

// P(K <= k) for K ~ Bin(n, p), p in [0, 1]; 0 for k < 0 and 1 for k >= n. About 1e-12 relative, also in the lower tail.
double binomial_cdf(std::int64_t k, std::int64_t n, double p);

// The same two with the factorials up to `most` kept, where many are needed.
class BinomialTable {
 public:
  explicit BinomialTable(std::int64_t most);
  // 0 <= k <= n <= most
  double log_pmf(std::int64_t k, std::int64_t n, double p) const;
  double cdf(std::int64_t k, std::int64_t n, double p) const;

 private:
  std::vector<double> log_factorials_;
};

}  // namespace dynexec
