#include "measure/bootstrap.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "measure/statistics.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

std::vector<double> log_normal(std::uint64_t seed, std::size_t count, double sigma) {
  RandomStream stream(seed, 0, 0, 77);
  std::vector<double> values(count);
  for (double& value : values) value = std::exp(sigma * stream.normal());
  return values;
}

}  // namespace

TEST_CASE("intervals are reproducible and depend on the seed") {
  const std::vector<double> values = log_normal(1, 40, 0.5);
  const Interval first = Bootstrap(40, {2000, 0.95, IntervalMethod::bca, 5}).mean(values);
  const Interval again = Bootstrap(40, {2000, 0.95, IntervalMethod::bca, 5}).mean(values);
  const Interval other = Bootstrap(40, {2000, 0.95, IntervalMethod::bca, 6}).mean(values);
  CHECK(first.low == again.low);
  CHECK(first.high == again.high);
  CHECK(first.low != other.low);
  CHECK(first.value == other.value);
  CHECK(first.low < first.value);
  CHECK(first.value < first.high);
}

TEST_CASE("the percentile interval of a mean approaches the normal one") {
  const std::vector<double> values = log_normal(2, 400, 0.3);
  double squares = 0;
  const double mean = mean_of(values);
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares) / 400;
  const Interval interval = Bootstrap(400, {20000, 0.95, IntervalMethod::percentile, 1}).mean(values);
  CHECK(interval.high - interval.low == Approx(2 * 1.96 * error).epsilon(0.04));
}

TEST_CASE("BCa moves an interval towards the long tail") {
  const std::vector<double> values = log_normal(3, 30, 1.0);
  const Interval plain = Bootstrap(30, {20000, 0.95, IntervalMethod::percentile, 1}).mean(values);
  const Interval corrected = Bootstrap(30, {20000, 0.95, IntervalMethod::bca, 1}).mean(values);
  CHECK(corrected.low > plain.low);
  CHECK(corrected.high > plain.high);
}

TEST_CASE("a ratio is paired: proportional columns have no spread") {
  const std::vector<double> path = log_normal(4, 50, 1.0);
  std::vector<double> baseline;
  for (const double value : path) baseline.push_back(2 * value);
  const Interval ratio = Bootstrap(50, {}).ratio(baseline, path);
  CHECK(ratio.value == Approx(2));
  CHECK(ratio.low == Approx(2));
  CHECK(ratio.high == Approx(2));
}

TEST_CASE("the geometric mean inverts with its ratio") {
  const std::vector<double> values = log_normal(5, 60, 0.4);
  std::vector<double> inverse;
  for (const double value : values) inverse.push_back(1 / value);
  const BootstrapOptions options{5000, 0.95, IntervalMethod::percentile, 3};
  const Interval there = Bootstrap(60, options).geometric_mean(values);
  const Interval back = Bootstrap(60, options).geometric_mean(inverse);
  CHECK(there.value == Approx(1 / back.value));
  CHECK(there.low == Approx(1 / back.high));
  CHECK(there.high == Approx(1 / back.low));
}

TEST_CASE("degenerate input: one sample, equal values, one outlier") {
  const Interval one = Bootstrap(1, {}).mean(std::vector<double>{3});
  CHECK(one.value == 3);
  CHECK(std::isnan(one.low));
  CHECK(std::isnan(Bootstrap(1, {}).ratio(std::vector<double>{3}, std::vector<double>{2}).high));
  const Interval equal = Bootstrap(9, {}).mean(std::vector<double>(9, 1.5));
  CHECK(equal.low == 1.5);
  CHECK(equal.high == 1.5);
  std::vector<double> outlier(20, 1.0);
  outlier[7] = 1e6;
  const Interval wide = Bootstrap(20, {}).mean(outlier);
  CHECK(std::isfinite(wide.low));
  CHECK(std::isfinite(wide.high));
  CHECK(wide.low <= wide.high);
}

TEST_CASE("indices that are too many to keep give the same interval as kept ones") {
  // 2,000 x 20,000 indices are beyond the kept size; every column must then see the same draws again.
  const std::vector<double> values = log_normal(6, 20000, 0.2);
  const Bootstrap bootstrap(20000, {});
  const Interval mean = bootstrap.mean(values);
  CHECK(mean.low == bootstrap.mean(values).low);
  CHECK(bootstrap.ratio(values, std::vector<double>(20000, 1.0)).low == Approx(mean.low).epsilon(1e-12));
}
