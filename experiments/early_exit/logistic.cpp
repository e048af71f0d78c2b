#include "experiments/early_exit/logistic.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace dynexec::early_exit {
namespace {

constexpr int kMostSteps = 100, kMostHalvings = 40;
constexpr double kSmallGradient = 1e-10;  // of a sample
constexpr double kCertain = 10;           // log-odds that stand for "always"

double linear(std::span<const double> weights, std::span<const double> x) {
  double z = weights.back();
  for (std::size_t j = 0; j < x.size(); ++j) z += weights[j] * x[j];
  return z;
}

double sigmoid(double z) {
  return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z));
}

// log(1 + exp(z)) without overflow.
double softplus(double z) {
  return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
}

double loss(const LogisticData& data, std::span<const double> weights, double ridge) {
  double sum = 0;
  for (std::size_t i = 0; i < data.y.size(); ++i) {
    const double z = linear(weights, std::span(data.x).subspan(i * data.features, data.features));
    sum += softplus(data.y[i] ? -z : z);
  }
  for (std::size_t j = 0; j < data.features; ++j) sum += ridge / 2 * weights[j] * weights[j];
  return sum;
}

// Solves a x = b for symmetric positive definite a [n, n] by Cholesky factors; a and b are overwritten, b by x.
void solve(std::vector<double>& a, std::vector<double>& b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      // Saturated samples leave the intercept without curvature: the smallest that keeps the step finite.
      a[i * n + j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / a[j * n + j];
    }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
}

}  // namespace

double logistic_probability(std::span<const double> weights, std::span<const double> x) {
  return sigmoid(linear(weights, x));
}

std::vector<double> fit_logistic(const LogisticData& data, double ridge) {
  const std::size_t features = data.features, n = features + 1, samples = data.y.size();
  if (data.x.size() != samples * features || samples == 0 || !(ridge > 0))
    throw Error(ErrorKind::internal, "data that no logistic regression can be fitted to", "", "");
  std::vector<double> weights(n, 0.0);
  const auto positive = std::count(data.y.begin(), data.y.end(), static_cast<char>(1));
  if (positive == 0 || positive == static_cast<std::ptrdiff_t>(samples)) {
    weights.back() = positive == 0 ? -kCertain : kCertain;
    return weights;
  }
  double current = loss(data, weights, ridge);
  for (int step = 0; step < kMostSteps; ++step) {
    std::vector<double> gradient(n, 0.0), curvature(n * n, 0.0), row(n, 1.0);
    for (std::size_t i = 0; i < samples; ++i) {
      const std::span<const double> x = std::span(data.x).subspan(i * features, features);
      std::copy(x.begin(), x.end(), row.begin());
      const double p = logistic_probability(weights, x), slope = p - (data.y[i] ? 1 : 0), weight = p * (1 - p);
      for (std::size_t j = 0; j < n; ++j) {
        gradient[j] += slope * row[j];
        for (std::size_t k = 0; k <= j; ++k) curvature[j * n + k] += weight * row[j] * row[k];
      }
    }
    for (std::size_t j = 0; j < features; ++j) {
      gradient[j] += ridge * weights[j];
      curvature[j * n + j] += ridge;
    }
    const double steepest = std::abs(*std::max_element(gradient.begin(), gradient.end(),
                                                       [](double a, double b) { return std::abs(a) < std::abs(b); }));
    if (steepest < kSmallGradient * static_cast<double>(samples)) break;
    solve(curvature, gradient);
    double length = 1;
    bool descended = false;
    for (int halving = 0; halving < kMostHalvings && !descended; ++halving, length /= 2) {
      std::vector<double> next = weights;
      for (std::size_t j = 0; j < n; ++j) next[j] -= length * gradient[j];
      const double value = loss(data, next, ridge);
      descended = value < current;
      if (descended) weights = next, current = value;
    }
    if (!descended) break;  // as far down as the numbers reach
  }
  return weights;
}

}  // namespace dynexec::early_exit
