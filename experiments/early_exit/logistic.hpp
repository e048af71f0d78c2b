// Logistic regression with a ridge penalty.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dynexec::early_exit {

struct LogisticData {
  std::size_t features = 0;
  std::vector<double> x;  // [samples, features]
  std::vector<char> y;    // [samples], 0 or 1
};

// Weights [features + 1], the intercept last, that minimise sum(log(1 + exp(-s z))) + ridge / 2 * |w|^2 with s = 2 y -
// 1, z = w x + b; the intercept is not penalised. Newton's method (iteratively reweighted least squares) with halved
// steps where a whole one does not descend. ridge > 0. With labels all alike the intercept is held at +-10 and the
// weights are zero: the minimum lies at infinity.
std::vector<double> fit_logistic(const LogisticData& data, double ridge);

// The probability of y = 1. weights: as above.
double logistic_probability(std::span<const double> weights, std::span<const double> x);

}  // namespace dynexec::early_exit
