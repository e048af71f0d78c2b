#include "measure/statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "base/random.hpp"

using namespace dynexec;
using doctest::Approx;

TEST_CASE("mean, median and quantiles, and nothing for no data") {
  const std::vector<double> values = {4, 1, 3, 2};
  CHECK(mean_of(values) == 2.5);
  CHECK(median_of(values) == 2.5);
  CHECK(quantile_of(values, 0) == 1);
  CHECK(quantile_of(values, 1) == 4);
  CHECK(quantile_of(values, 0.9) == Approx(3.7));  // numpy.quantile
  CHECK(median_of(std::vector<double>{7}) == 7);
  CHECK(std::isnan(mean_of({})));
  CHECK(std::isnan(median_of({})));
}

TEST_CASE("a percentile is given from 10/(1-p) samples on") {
  CHECK(samples_for_percentile(0.9) == 100);
  CHECK(samples_for_percentile(0.99) == 1000);
  std::vector<double> values(99);
  std::iota(values.begin(), values.end(), 1.0);
  CHECK(std::isnan(percentile_with_interval(values, 0.9, 0.95).value));
  values.push_back(100);
  const Interval p90 = percentile_with_interval(values, 0.9, 0.95);
  CHECK(p90.value == Approx(90.1));
  CHECK(p90.low == 84);  // ranks of scipy.stats.binom(100, .9): cdf(83) = 0.0206, cdf(84) = 0.0399 > 0.025
  CHECK(p90.high == 96);
  CHECK(std::isnan(percentile_with_interval(values, 0.99, 0.95).value));
}

TEST_CASE("the median stands alone where no ranks reach the confidence") {
  const Interval few = percentile_with_interval(std::vector<double>{3, 1, 2, 5, 4}, 0.5, 0.95);
  CHECK(few.value == 3);
  CHECK(std::isnan(few.low));  // the extremes of five cover the median with 93.75 % only
  const Interval six = percentile_with_interval(std::vector<double>{3, 1, 2, 5, 4, 6}, 0.5, 0.95);
  CHECK(six.low == 1);
  CHECK(six.high == 6);
}

TEST_CASE("quantile intervals cover the true quantile at least as often as they say") {
  int covered = 0;
  constexpr int kRuns = 2000;
  const double truth = normal_quantile(0.9);
  for (int run = 0; run < kRuns; ++run) {
    RandomStream stream(11, static_cast<std::uint64_t>(run), 0, 99);
    std::vector<double> values(150);
    for (double& value : values) value = stream.normal();
    const Interval p90 = percentile_with_interval(values, 0.9, 0.95);
    covered += p90.low <= truth && truth <= p90.high;
  }
  CHECK(covered >= kRuns * 0.94);
  CHECK(covered <= kRuns * 0.99);
}

TEST_CASE("the normal distribution and its inverse") {
  CHECK(normal_cdf(0) == 0.5);
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(1e-10) == Approx(-6.361340902404056).epsilon(1e-13));
  CHECK(normal_quantile(1e-300) == Approx(-37.0471).epsilon(1e-5));
  for (double x = -6; x <= 4; x += 0.37) CHECK(normal_quantile(normal_cdf(x)) == Approx(x).epsilon(1e-10));
  CHECK(std::isinf(normal_quantile(0)));
  CHECK(std::isnan(normal_quantile(1.5)));
}

TEST_CASE("Wilson's interval at the ends and in the middle") {
  const Interval half = wilson_interval(50, 100, 0.95);
  CHECK(half.value == 0.5);
  CHECK(half.low == Approx(0.40383).epsilon(1e-4));
  CHECK(half.high == Approx(0.59617).epsilon(1e-4));
  const Interval all = wilson_interval(10, 10, 0.95);
  CHECK(all.high == 1);
  CHECK(all.low == Approx(0.72247).epsilon(1e-4));
  CHECK(wilson_interval(0, 10, 0.95).low == 0);
  CHECK(std::isnan(wilson_interval(0, 0, 0.95).value));
}

TEST_CASE("the paired interval has a width without discordant pairs and shrinks with their number") {
  const Interval few = paired_proportion_interval(0, 0, 10, 0.95), many = paired_proportion_interval(0, 0, 1000, 0.95);
  CHECK(few.value == 0);
  CHECK(few.high == Approx(1.959964 / 12).epsilon(1e-5));
  CHECK(many.high < 0.002);
  const Interval lost = paired_proportion_interval(2, 12, 100, 0.95);
  CHECK(lost.value == Approx(-0.1));
  CHECK(lost.high < 0);
}

TEST_CASE("Mann-Whitney: exact values, ties and degenerate input") {
  const std::vector<double> low = {1, 2, 3}, high = {4, 5, 6, 7};
  const MannWhitney apart = mann_whitney(low, high);
  CHECK(apart.exact);
  CHECK(apart.u == 0);
  CHECK(apart.p == Approx(2.0 / 35));  // 2 / C(7, 3)
  CHECK(mann_whitney(high, low).p == Approx(2.0 / 35));
  const MannWhitney tied = mann_whitney(std::vector<double>{1, 1, 1}, std::vector<double>{1, 1});
  CHECK_FALSE(tied.exact);
  CHECK(tied.p == 1);
  CHECK(std::isnan(mann_whitney({}, low).p));
}

TEST_CASE("the verdict needs the whole interval on one side of the margin") {
  CHECK(quality_verdict({0, -0.01, 0.01}, 0.02, true) == "non-inferior");
  CHECK(quality_verdict({-0.01, -0.03, 0.01}, 0.02, true) == "undecided");
  CHECK(quality_verdict({-0.1, -0.15, -0.05}, 0.02, true) == "inferior");
  CHECK(quality_verdict({0.1, 0.05, 0.15}, 0.02, false) == "inferior");  // perplexity rose
  CHECK(quality_verdict({-0.1, -0.15, -0.05}, 0.02, false) == "non-inferior");
  CHECK(quality_verdict({0, 0, 0}, 0, true) == "non-inferior");
  CHECK(quality_verdict({}, 0.02, true) == "");
}
