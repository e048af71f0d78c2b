#include "image/frechet.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "image/dense.hpp"
#include "image/symmetric_eigen.hpp"

namespace dynexec {
namespace {

double trace_of(std::span<const double> matrix, std::size_t size) {
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += matrix[i * size + i];
  return sum;
}

// How many of the eigenvalues, largest first, stand above what rounding makes of a zero.
std::size_t significant(std::span<const double> eigenvalues, std::size_t rank) {
  const std::size_t size = eigenvalues.size();
  const double floor = eigenvalues[0] * static_cast<double>(size) * std::numeric_limits<double>::epsilon();
  std::size_t count = 0;
  while (count < std::min(rank, size) && eigenvalues[count] > floor) ++count;
  return count;
}

void require_moments(const FeatureMoments& moments) {
  if (moments.width > 0 && moments.samples > 1 && moments.mean.size() == moments.width &&
      moments.covariance.size() / moments.width == moments.width && moments.covariance.size() % moments.width == 0) {
    return;
  }
  throw Error(ErrorKind::data,
              fmt::format("the moments of {} samples hold {} means and {} covariances for {} features", moments.samples,
                          moments.mean.size(), moments.covariance.size(), moments.width),
              "Fréchet distance", "take them from feature_moments");
}

}  // namespace

void require_features(const Features& features, const std::string& name) {
  if (features.samples < 2 || features.width < 1 || features.values.size() / features.samples != features.width ||
      features.values.size() % features.samples != 0) {
    throw Error(ErrorKind::data,
                fmt::format("{} values are not {} vectors of {} features", features.values.size(), features.samples,
                            features.width),
                name, "give at least 2 vectors, all of the same number of features");
  }
  for (std::size_t i = 0; i < features.values.size(); ++i) {
    if (std::isfinite(features.values[i])) continue;
    throw Error(ErrorKind::data, fmt::format("the value {} is not finite", features.values[i]),
                fmt::format("{}, sample {}, feature {}", name, i / features.width, i % features.width),
                "look for the step that produced it; metrics of such values mean nothing");
  }
}

FeatureMoments feature_moments(const Features& features, const std::string& name) {
  require_features(features, name);
  const std::size_t width = features.width;
  FeatureMoments moments{features.samples, width, std::vector<double>(width), {}};
  for (std::size_t i = 0; i < features.values.size(); ++i) {
    moments.mean[i % width] += static_cast<double>(features.values[i]);
  }
  for (double& mean : moments.mean) mean /= static_cast<double>(features.samples);
  std::vector<double> centred(features.values.begin(), features.values.end());
  for (std::size_t i = 0; i < centred.size(); ++i) centred[i] -= moments.mean[i % width];
  moments.covariance = outer_products(centred, features.samples, width);
  for (double& value : moments.covariance) value /= static_cast<double>(features.samples - 1);
  return moments;
}

double trace_of_root(std::span<const double> eigenvalues, std::size_t rank) {
  const std::size_t count = significant(eigenvalues, rank);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::sqrt(eigenvalues[i]);
  return sum;
}

FrechetReference::FrechetReference(FeatureMoments moments) : moments_(std::move(moments)) {
  require_moments(moments_);
  const std::size_t width = moments_.width;
  trace_ = trace_of(moments_.covariance, width);
  SymmetricEigen eigen = symmetric_eigen(moments_.covariance, width);
  rank_ = significant(eigen.values, moments_.samples - 1);
  factor_ = std::move(eigen.vectors);
  factor_.resize(rank_ * width);
  for (std::size_t i = 0; i < factor_.size(); ++i) factor_[i] *= std::sqrt(eigen.values[i / width]);
}

double FrechetReference::distance(const FeatureMoments& other) const {
  require_moments(other);
  const std::size_t width = moments_.width;
  if (other.width != width) {
    throw Error(ErrorKind::data, fmt::format("sets of {} and {} features", width, other.width), "Fréchet distance",
                "take both from the same layer of the same network");
  }
  double sum = trace_ + trace_of(other.covariance, width);
  for (std::size_t i = 0; i < width; ++i) {
    const double difference = moments_.mean[i] - other.mean[i];
    sum += difference * difference;
  }
  if (rank_ == 0) return sum;
  const std::vector<double> half = product(factor_, other.covariance, rank_, width, width);
  const std::vector<double> whole = product(half, transposed(factor_, rank_, width), rank_, width, rank_);
  return std::max(0.0, sum - 2 * trace_of_root(symmetric_eigenvalues(whole, rank_), other.samples - 1));
}

double frechet_distance(const Features& first, const Features& second) {
  return FrechetReference(feature_moments(first, "the first set")).distance(feature_moments(second, "the second set"));
}

}  // namespace dynexec
