#include "image/frechet_bootstrap.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "noise.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

FrechetReference reference_of(std::size_t samples, std::size_t width, std::uint64_t seed) {
  const std::vector<float> values = normal_values(samples * width, seed);
  return FrechetReference(feature_moments({values, samples, width}));
}

}  // namespace

TEST_CASE("the values of a comparison are the plain distances, with and without enough samples") {
  for (const std::size_t samples : {std::size_t{60}, std::size_t{9}, std::size_t{2}}) {
    constexpr std::size_t width = 14;
    const FrechetReference reference = reference_of(200, width, 1);
    const std::vector<float> first = normal_values(samples * width, 2, 0.3, 1.1),
                             second = normal_values(samples * width, 3, -0.1, 0.7);
    const FrechetComparison result =
        compare_frechet(reference, {first, samples, width}, {second, samples, width}, {.resamples = 20});
    const double one = reference.distance(feature_moments({first, samples, width}));
    const double two = reference.distance(feature_moments({second, samples, width}));
    CHECK(result.first.value == Approx(one).epsilon(1e-10));
    CHECK(result.second.value == Approx(two).epsilon(1e-10));
    CHECK(result.difference.value == Approx(one - two).epsilon(1e-9));
  }
}

TEST_CASE("a replicate is the distance of the samples that were drawn") {
  // Two samples: a draw is (a, a), (a, b) or (b, b). With a = -b along one feature and a reference around 0 of variance
  // v, the distances are a^2 + v without spread, and (sqrt(2) |a| - sqrt(v))^2 of both.
  const FrechetReference reference(FeatureMoments{100, 1, {0}, {4}});
  const std::vector<float> set{-3, 3};
  const FrechetComparison result =
      compare_frechet(reference, {set, 2, 1}, {set, 2, 1}, {.resamples = 4000, .confidence = 0.98});
  const double both = std::pow(std::sqrt(18.0) - 2, 2), same = 13;
  CHECK(result.first.value == Approx(both));
  CHECK(result.first.bias == Approx((same - both) / 2).epsilon(0.1));
  CHECK(result.first.high - result.first.low == Approx(same - both).epsilon(1e-12));
  CHECK(result.difference.value == 0);
  CHECK(result.difference.low == 0);
  CHECK(result.difference.high == 0);
}

TEST_CASE("a set that only moved differs by the same amount in every resample of a flat reference") {
  // The reference has no spread: the distance is the mean square, linear in the counts.
  const FrechetReference reference(FeatureMoments{100, 3, {0, 0, 0}, std::vector<double>(9)});
  const std::vector<float> set = normal_values(40 * 3, 4);
  const FrechetComparison result = compare_frechet(reference, {set, 40, 3}, {set, 40, 3}, {});
  CHECK(reference.rank() == 0);
  CHECK(result.first.low < result.first.value);
  CHECK(result.first.value < result.first.high);
  CHECK(result.difference.high == 0);
}

TEST_CASE("comparisons are reproducible, depend on the seed, and pair the samples") {
  const FrechetReference reference = reference_of(300, 5, 5);
  const std::vector<float> first = normal_values(80 * 5, 6, 0.5), noise = normal_values(80 * 5, 7);
  std::vector<float> near = first, apart = normal_values(80 * 5, 8, 0.5);
  for (std::size_t i = 0; i < near.size(); ++i) near[i] += 0.1F * noise[i];
  const auto compare = [&](const std::vector<float>& second, std::uint64_t seed) {
    return compare_frechet(reference, {first, 80, 5}, {second, 80, 5}, {.resamples = 300, .seed = seed}).difference;
  };
  const FrechetFigure paired = compare(near, 1), again = compare(near, 1), other = compare(near, 2);
  CHECK(paired.low == again.low);
  CHECK(paired.high == again.high);
  CHECK(paired.low != other.low);
  const FrechetFigure unpaired = compare(apart, 1);
  CHECK(paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low));
}

TEST_CASE("the interval covers the mean distance of its sample count about as often as it says") {
  constexpr std::size_t samples = 50, width = 3;
  constexpr std::uint64_t trials = 200;
  const FrechetReference reference = reference_of(5000, width, 9);
  std::vector<FrechetComparison> results;
  double first_mean = 0, difference_mean = 0;
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    const std::vector<float> first = normal_values(samples * width, 100 + 2 * trial, 0.4, 1.2),
                             second = normal_values(samples * width, 101 + 2 * trial, 0.2, 0.9);
    results.push_back(
        compare_frechet(reference, {first, samples, width}, {second, samples, width}, {.resamples = 200}));
    first_mean += results.back().first.value / trials;
    difference_mean += results.back().difference.value / trials;
  }
  int first_covered = 0, difference_covered = 0;
  for (const FrechetComparison& result : results) {
    first_covered += result.first.low <= first_mean && first_mean <= result.first.high;
    difference_covered += result.difference.low <= difference_mean && difference_mean <= result.difference.high;
  }
  MESSAGE("covered: ", first_covered, " and ", difference_covered, " of ", trials);
  CHECK(first_covered >= 172);  // 86 %: percentiles of skewed replicates of 50 samples fall somewhat short
  CHECK(difference_covered >= 172);
}

TEST_CASE("comparisons that cannot be made are refused") {
  const FrechetReference reference = reference_of(30, 4, 10);
  const std::vector<float> values = normal_values(48, 11);
  const std::span<const float> all(values);
  const auto compare = [&](const Features& first, const Features& second, const FrechetBootstrapOptions& options) {
    return error_of([&] { compare_frechet(reference, first, second, options); });
  };
  CHECK(contains(compare({all, 12, 4}, {all.first(40), 10, 4}, {}), "12 samples are to be compared with 10"));
  CHECK(contains(compare({all, 16, 3}, {all, 16, 3}, {}), "sets of 3 and 3 features against a reference of 4"));
  CHECK(contains(compare({all, 12, 4}, {all, 12, 4}, {.resamples = 1}), "1 resamples"));
  CHECK(contains(compare({all, 12, 4}, {all, 12, 4}, {.confidence = 1}), "confidence of 1"));
  CHECK(contains(compare({all, 12, 4}, {all, 12, 4}, {.confidence = std::nan("")}), "confidence of nan"));
}
