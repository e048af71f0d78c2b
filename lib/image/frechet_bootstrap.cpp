#include "image/frechet_bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/random.hpp"
#include "image/dense.hpp"
#include "image/symmetric_eigen.hpp"

namespace dynexec {
namespace {

double squared_length(std::span<const double> vector) {
  return std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0);
}

// One set against the reference, prepared for weights on its samples.
class WeightedSet {
 public:
  WeightedSet(const FrechetReference& reference, const Features& features)
      : reference_(reference), samples_(features.samples), width_(features.width) {
    const FeatureMoments& fixed = reference.moments();
    const std::vector<double> mean = mean_of(features);
    centred_.assign(features.values.begin(), features.values.end());
    for (std::size_t i = 0; i < centred_.size(); ++i) centred_[i] -= mean[i % width_];
    shift_.resize(width_);
    for (std::size_t j = 0; j < width_; ++j) shift_[j] = mean[j] - fixed.mean[j];
    squares_.resize(samples_);
    for (std::size_t i = 0; i < samples_; ++i) {
      squares_[i] = squared_length(std::span(centred_).subspan(i * width_, width_));
    }
    span_ = reference.rank();
    const std::vector<double> basis = transposed(reference.factor(), span_, width_);
    projected_ = product(centred_, basis, samples_, width_, span_);
    if (samples_ - 1 < span_) reduce();
  }

  // weights[i]: how often sample i was drawn; they add up to the sample count.
  double distance(std::span<const double> weights) const {
    const double count = static_cast<double>(samples_);
    const std::vector<double> mean = product(weights, centred_, 1, samples_, width_);
    double between = 0, moved = 0;  // squared distances of the mean from the reference's and from the set's own
    for (std::size_t j = 0; j < width_; ++j) {
      const double own = mean[j] / count;
      between += (shift_[j] + own) * (shift_[j] + own);
      moved += own * own;
    }
    const double squares = std::inner_product(weights.begin(), weights.end(), squares_.begin(), 0.0);
    const double sum = between + reference_.trace() + (squares - count * moved) / (count - 1);
    return span_ == 0 ? sum : std::max(0.0, sum - 2 * root_trace(weights));
  }

 private:
  static std::vector<double> mean_of(const Features& features) {
    std::vector<double> mean(features.width);
    for (std::size_t i = 0; i < features.values.size(); ++i) {
      mean[i % features.width] += static_cast<double>(features.values[i]);
    }
    for (double& value : mean) value /= static_cast<double>(features.samples);
    return mean;
  }

  // Fewer samples than coordinates: the same products of samples with fewer coordinates.
  void reduce() {
    const std::vector<double> across = transposed(projected_, samples_, span_);
    const std::vector<double> gram = product(projected_, across, samples_, span_, samples_);
    const SymmetricEigen eigen = symmetric_eigen(gram, samples_);
    span_ = samples_ - 1;
    projected_.assign(samples_ * span_, 0);
    for (std::size_t k = 0; k < span_; ++k) {
      const double length = std::sqrt(std::max(0.0, eigen.values[k]));
      for (std::size_t i = 0; i < samples_; ++i) projected_[i * span_ + k] = length * eigen.vectors[k * samples_ + i];
    }
  }

  double root_trace(std::span<const double> weights) const {
    const double count = static_cast<double>(samples_);
    std::vector<double> covariance = outer_products(projected_, samples_, span_, weights);
    const std::vector<double> sums = product(weights, projected_, 1, samples_, span_);
    for (std::size_t i = 0; i < span_; ++i) {
      for (std::size_t j = 0; j < span_; ++j) {
        double& value = covariance[i * span_ + j];
        value = (value - sums[i] * sums[j] / count) / (count - 1);
      }
    }
    const auto drawn = static_cast<std::size_t>(
        std::count_if(weights.begin(), weights.end(), [](double weight) { return weight > 0; }));
    return trace_of_root(symmetric_eigenvalues(covariance, span_), drawn - 1);
  }

  const FrechetReference& reference_;
  std::size_t samples_, width_, span_ = 0;
  std::vector<double> centred_;    // [samples, width], less the set's mean
  std::vector<double> shift_;      // [width], the set's mean less the reference's
  std::vector<double> squares_;    // [samples], squared lengths of the centred samples
  std::vector<double> projected_;  // [samples, span], their products with the reference's factor
};

FrechetFigure figure(double value, std::vector<double> replicates, double confidence) {
  const double mean =
      std::accumulate(replicates.begin(), replicates.end(), 0.0) / static_cast<double>(replicates.size());
  std::sort(replicates.begin(), replicates.end());
  const auto quantile = [&](double share) {
    const double position = share * static_cast<double>(replicates.size() - 1);
    const auto index = std::min(static_cast<std::size_t>(position), replicates.size() - 2);
    const double fraction = position - static_cast<double>(index);
    return replicates[index] + fraction * (replicates[index + 1] - replicates[index]);
  };
  const double tail = (1 - confidence) / 2, bias = mean - value;
  return {value, quantile(tail) - bias, quantile(1 - tail) - bias, bias};
}

void require_request(const FrechetReference& reference, const Features& first, const Features& second,
                     const FrechetBootstrapOptions& options) {
  require_features(first, "the first set");
  require_features(second, "the second set");
  if (first.samples != second.samples) {
    throw Error(ErrorKind::data, fmt::format("{} samples are to be compared with {}", first.samples, second.samples),
                "Fréchet distance",
                "make both sets from the same prompts and seeds: the distance depends on the count");
  }
  const std::size_t width = reference.moments().width;
  if (first.width != width || second.width != width) {
    throw Error(ErrorKind::data,
                fmt::format("sets of {} and {} features against a reference of {}", first.width, second.width, width),
                "Fréchet distance", "take all from the same layer of the same network");
  }
  if (options.resamples < 2 || !(options.confidence > 0 && options.confidence < 1)) {
    throw Error(ErrorKind::config,
                fmt::format("{} resamples at a confidence of {}", options.resamples, options.confidence),
                "Fréchet distance", "give 2 resamples or more and a confidence between 0 and 1");
  }
}

}  // namespace

FrechetComparison compare_frechet(const FrechetReference& reference, const Features& first, const Features& second,
                                  const FrechetBootstrapOptions& options) {
  require_request(reference, first, second, options);
  const WeightedSet one(reference, first), two(reference, second);
  const std::size_t samples = first.samples, resamples = static_cast<std::size_t>(options.resamples);
  std::vector<double> weights(samples, 1.0);
  const double first_value = one.distance(weights), second_value = two.distance(weights);

  std::vector<double> first_replicates(resamples), second_replicates(resamples), differences(resamples);
  RandomStream stream(options.seed, samples, 0, static_cast<std::uint32_t>(Purpose::bootstrap));
  for (std::size_t b = 0; b < resamples; ++b) {
    std::fill(weights.begin(), weights.end(), 0.0);
    for (std::size_t i = 0; i < samples; ++i) weights[static_cast<std::size_t>(stream.below(samples))] += 1;
    first_replicates[b] = one.distance(weights);
    second_replicates[b] = two.distance(weights);
    differences[b] = first_replicates[b] - second_replicates[b];
  }
  return {figure(first_value, std::move(first_replicates), options.confidence),
          figure(second_value, std::move(second_replicates), options.confidence),
          figure(first_value - second_value, std::move(differences), options.confidence)};
}

}  // namespace dynexec
