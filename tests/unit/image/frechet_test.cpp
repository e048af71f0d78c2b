#include "image/frechet.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "image/feature_distance.hpp"
#include "noise.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

FeatureMoments diagonal_moments(const std::vector<double>& mean, const std::vector<double>& variances) {
  FeatureMoments moments{1000, mean.size(), mean, std::vector<double>(mean.size() * mean.size())};
  for (std::size_t i = 0; i < mean.size(); ++i) moments.covariance[i * mean.size() + i] = variances[i];
  return moments;
}

}  // namespace

TEST_CASE("moments of a few vectors, covariance divided by one less than their count") {
  const std::vector<float> values{1, 2, 3, 6, 5, 1};  // [3, 2]
  const FeatureMoments moments = feature_moments({values, 3, 2});
  CHECK(moments.mean == std::vector<double>{3, 3});
  CHECK(moments.covariance[0] == Approx(4));
  CHECK(moments.covariance[1] == Approx(-1));
  CHECK(moments.covariance[2] == Approx(-1));
  CHECK(moments.covariance[3] == Approx(7));
}

TEST_CASE("distance of independent normals in closed form") {
  // Sum of (m1 - m2)^2 + (s1 - s2)^2 over features.
  const FrechetReference first(diagonal_moments({0, 1, 2, 3}, {1, 4, 9, 0}));
  CHECK(first.rank() == 3);
  CHECK(first.distance(diagonal_moments({1, 1, 0, 3}, {4, 4, 1, 25})) == Approx(1 + 4 + 1 + 0 + 4 + 25).epsilon(1e-13));
  CHECK(first.distance(first.moments()) == Approx(0).epsilon(1e-13));
}

TEST_CASE("distance of correlated normals with equal eigenvectors in closed form") {
  // Eigenvectors (1, 1) and (1, -1): variances 3 and 1 against 12 and 0.25.
  const FeatureMoments first{100, 2, {0, 0}, {2, 1, 1, 2}};
  const FeatureMoments second{100, 2, {0, 0}, {6.125, 5.875, 5.875, 6.125}};
  const double expected = std::pow(std::sqrt(3.0) - std::sqrt(12.0), 2) + 0.25;
  CHECK(FrechetReference(first).distance(second) == Approx(expected).epsilon(1e-13));
  CHECK(FrechetReference(second).distance(first) == Approx(expected).epsilon(1e-13));
}

TEST_CASE("fewer samples than features: the distance of sets on one line is that of numbers") {
  // Multiples of one direction of length 3: a shift and a stretch along it.
  const std::vector<float> direction{1, 2, 2}, other{2, -2, 1};
  std::vector<float> first, second, across;
  for (const float step : {0.F, 2.F}) {
    for (std::size_t i = 0; i < 3; ++i) {
      first.push_back(step * direction[i]);
      second.push_back((3 * step + 1) * direction[i]);
      across.push_back(step * other[i]);
    }
  }
  // In lengths: means 3 and 12, deviations sqrt(18) and 3 sqrt(18).
  CHECK(frechet_distance({first, 2, 3}, {second, 2, 3}) == Approx(81 + 4 * 18).epsilon(1e-12));
  // At right angles the root vanishes: means sqrt(18) apart, both variances 18.
  CHECK(frechet_distance({first, 2, 3}, {across, 2, 3}) == Approx(18 + 36).epsilon(1e-7));
}

TEST_CASE("distance is symmetric, zero for equal sets, and moves with the mean") {
  const std::vector<float> first = normal_values(50 * 12, 1), second = normal_values(70 * 12, 2, 0.2, 1.5);
  const Features x{first, 50, 12}, y{second, 70, 12};
  CHECK(frechet_distance(x, y) == Approx(frechet_distance(y, x)).epsilon(1e-11));
  CHECK(frechet_distance(x, x) < 1e-10);
  CHECK(frechet_distance(x, x) >= 0);
  std::vector<float> shifted = first;
  for (float& value : shifted) value += 2;
  CHECK(frechet_distance(x, {shifted, 50, 12}) == Approx(12 * 4).epsilon(1e-6));
}

TEST_CASE("sets without spread have the distance of their points") {
  const std::vector<float> first(8, 1.F), second(8, 3.F);
  CHECK(frechet_distance({first, 4, 2}, {second, 4, 2}) == Approx(8));
  CHECK(frechet_distance({first, 4, 2}, {first, 4, 2}) == 0);
}

TEST_CASE("sets that have no distance are refused") {
  std::vector<float> values = normal_values(12, 3);
  const auto distance = [&](const Features& first, const Features& second) {
    return error_of([&] { frechet_distance(first, second); });
  };
  CHECK(contains(distance({values, 1, 12}, {values, 4, 3}), "the first set: 12 values are not 1 vectors"));
  CHECK(contains(distance({values, 4, 3}, {values, 5, 2}), "the second set: 12 values"));
  CHECK(contains(distance({values, 4, 3}, {values, 6, 2}), "sets of 3 and 2 features"));
  CHECK(contains(error_of([] { FrechetReference(FeatureMoments{}); }), "moments"));
  values[7] = INFINITY;
  CHECK(contains(distance({values, 4, 3}, {values, 4, 3}), "the first set, sample 2, feature 1"));
}

TEST_CASE("feature distance of unit vectors that are known") {
  const std::vector<float> x{3, 0, 4, 0}, y{0, 5, 0, 2}, z{6, 1, 8, 0}, nothing(4);  // [2, 1, 2]
  const auto distance = [](const std::vector<float>& first, const std::vector<float>& second) {
    const Planes a{first, 2, 1, 2}, b{second, 2, 1, 2};
    return feature_distance(std::span(&a, 1), std::span(&b, 1));
  };
  CHECK(distance(x, x) == 0);
  CHECK(distance(nothing, nothing) == 0);
  // Position 0: (3, 4) against nothing; position 1: nothing against (5, 2).
  CHECK(distance(x, y) == Approx(1));
  // Lengths do not matter; position 1 goes from nothing to a unit vector.
  CHECK(distance(x, z) == Approx(0.5));
  const std::vector<float> opposite{-3, 0, -4, 0};
  CHECK(distance(x, opposite) == Approx(2));

  const Planes first[] = {{x, 2, 1, 2}, {x, 4, 1, 1}}, second[] = {{z, 2, 1, 2}, {x, 4, 1, 1}};
  CHECK(feature_distance(first, second) == Approx(0.25));
  CHECK(contains(error_of([&] { feature_distance(first, std::span(second, 1)); }), "2 and 1 layers"));
  CHECK(contains(error_of([&] { feature_distance({}, {}); }), "0 and 0 layers"));
  const Planes swapped[] = {{x, 4, 1, 1}, {x, 2, 1, 2}};
  CHECK(contains(error_of([&] { feature_distance(first, swapped); }), "feature map of layer 0: shapes differ"));
}
