#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "measure/binomial.hpp"
#include "measure/quality_test.hpp"

using namespace dynexec;

namespace {

double choose(int n, int k) {
  double ways = 1;
  for (int i = 0; i < k; ++i) ways = ways * (n - i) / (i + 1);
  return ways;
}

// Outcomes (lost, gained) of n samples that pass at `level`.
std::vector<std::pair<int, int>> passing(int n, double margin, double level) {
  std::vector<std::pair<int, int>> outcomes;
  for (int l = 0; l <= n; ++l)
    for (int g = 0; g + l <= n; ++g)
      if (exact_drop_p({l, g, n}, margin) <= level) outcomes.emplace_back(l, g);
  return outcomes;
}

// Their probability when a sample is lost with probability `lost` and gained with `gained`.
double size_of_exact_test(const std::vector<std::pair<int, int>>& outcomes, int n, double lost, double gained) {
  double size = 0;
  for (const auto& [l, g] : outcomes)
    size += choose(n, l) * choose(n - l, g) * std::pow(lost, l) * std::pow(gained, g) *
            std::pow(1 - lost - gained, n - l - g);
  return size;
}

}  // namespace

TEST_CASE("binomial distribution function") {
  // (1 + 5) / 32; 0.9^100; everything and nothing.
  CHECK(binomial_cdf(1, 5, 0.5) == doctest::Approx(6.0 / 32));
  CHECK(binomial_cdf(0, 100, 0.1) == doctest::Approx(std::pow(0.9, 100)).epsilon(1e-12));
  CHECK(binomial_cdf(4, 5, 0.5) == doctest::Approx(31.0 / 32));
  CHECK(binomial_cdf(5, 5, 0.9) == 1);
  CHECK(binomial_cdf(-1, 5, 0.9) == 0);
  CHECK(binomial_cdf(2, 5, 0) == 1);
  CHECK(binomial_cdf(2, 5, 1) == 0);
  for (const int n : {7, 60}) {
    double sum = 0;
    for (int k = 0; k <= n; ++k) {
      sum += choose(n, k) * std::pow(0.3, k) * std::pow(0.7, n - k);
      CHECK(binomial_cdf(k, n, 0.3) == doctest::Approx(sum).epsilon(1e-10));
    }
  }
}

TEST_CASE("Hoeffding-Bentkus p-values in closed form") {
  // No loss: the binomial tail is (1 - margin)^n, Hoeffding's bound is the same, Bentkus's e times it.
  CHECK(hoeffding_bentkus_p(0, 100, 0.05, true) == doctest::Approx(std::pow(0.95, 100)));
  CHECK(hoeffding_bentkus_p(0, 100, 0.05, false) == doctest::Approx(std::pow(0.95, 100)));
  // Half of the margin: exp(-n KL(0.05, 0.1)) against e P(Bin(200, 0.1) <= 10).
  const double divergence = 0.05 * std::log(0.5) + 0.95 * std::log(0.95 / 0.9);
  const double bentkus = std::exp(1.0) * binomial_cdf(10, 200, 0.1);
  CHECK(hoeffding_bentkus_p(0.05, 200, 0.1, false) == doctest::Approx(std::min(std::exp(-200 * divergence), bentkus)));
  CHECK(hoeffding_bentkus_p(0.05, 200, 0.1, true) == doctest::Approx(binomial_cdf(10, 200, 0.1)));
  CHECK(hoeffding_bentkus_p(0.2, 200, 0.1, false) == 1);
  CHECK(hoeffding_bentkus_p(0, 0, 0.1, false) == 1);
}

TEST_CASE("the exact test rejects no true hypothesis more often than its level says") {
  // Every outcome of 24 samples, for shares on the edge of the hypothesis and inside it.
  const int n = 24;
  const double margin = 0.1;
  for (const double level : {0.05, 0.2}) {
    const auto outcomes = passing(n, margin, level);
    double largest = 0;
    for (const double gained : {0.0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.33, 0.45})
      for (const double beyond : {0.0, 0.05}) {
        const double lost = gained + margin + beyond;
        if (lost + gained > 1) continue;
        const double size = size_of_exact_test(outcomes, n, lost, gained);
        CHECK(size <= level * (1 + 1e-6));
        largest = std::max(largest, size);
      }
    CHECK(largest > level / 2);  // and wastes little of it
  }
}

TEST_CASE("the exact test counts gains, and orders outcomes") {
  CHECK(exact_drop_p({0, 0, 0}, 0.01) == 1);
  CHECK(exact_drop_p({0, 0, 299}, 0.01) <= 0.05);
  CHECK(exact_drop_p({0, 0, 298}, 0.01) > 0.05);
  CHECK(exact_drop_p({10, 10, 1000}, 0.01) < exact_drop_p({10, 0, 1000}, 0.01));
  for (int lost = 0; lost < 30; ++lost)
    CHECK(exact_drop_p({lost, 5, 500}, 0.02) <= exact_drop_p({lost + 1, 5, 500}, 0.02) + 1e-12);
  CHECK(exact_drop_p({500, 0, 500}, 0.02) == doctest::Approx(1));
  // Nothing gained: no more powerful than the binomial tail, and hardly less.
  const double tail = binomial_cdf(3, 1000, 0.01), exact = exact_drop_p({3, 0, 1000}, 0.01);
  CHECK(exact >= tail * (1 - 1e-9));
  CHECK(exact < 1.5 * tail);
}

TEST_CASE("betting keeps its level for scores that are not 0/1") {
  // Drops of 0.1 with mean exactly the margin, as uniform noise and as rare large losses.
  const double margin = 0.05, level = 0.1;
  int noisy = 0, rare = 0, better = 0;
  const int trials = 400, n = 400;
  for (std::uint32_t t = 0; t < trials; ++t) {
    RandomStream stream(5, t, 0, 0);
    std::vector<double> noise, losses, gains;
    for (int i = 0; i < n; ++i) {
      noise.push_back(margin + 0.4 * (stream.uniform() - 0.5));
      losses.push_back(stream.uniform() < 2 * margin ? 0.5 : 0);
      gains.push_back(margin / 5 + 0.4 * (stream.uniform() - 0.5));
    }
    noisy += betting_drop_p(noise, margin) <= level;
    rare += betting_drop_p(losses, margin) <= level;
    better += betting_drop_p(gains, margin) <= level;
  }
  CHECK(noisy <= trials * level);
  CHECK(rare <= trials * level);
  CHECK(better > trials * 0.9);  // and finds what is there to be found
  CHECK(betting_drop_p({}, margin) == 1);
}

TEST_CASE("the test follows the metric") {
  const std::vector<double> ones{1, 1, 0, 1}, mixed{1, 0.5, 0, 1};
  CHECK(choose_quality_test(ones, ones) == QualityTest::exact);
  CHECK(choose_quality_test(ones, mixed) == QualityTest::betting);
  CHECK(quality_drop_p(ones, {std::vector<double>{0, 1, 1, 1}}, 0.5, QualityTest::automatic) ==
        exact_drop_p({1, 1, 4}, 0.5));
  // One lost of four, one half lost of four.
  CHECK(quality_drop_p(ones, mixed, 0.3, QualityTest::hoeffding_bentkus) == hoeffding_bentkus_p(0.125, 4, 0.3, false));
}

TEST_CASE("samples that are needed at least") {
  CHECK(samples_to_pass(0.01, 0.05, QualityTest::exact) == 299);
  CHECK(samples_to_pass(0.01, 0.05, QualityTest::hoeffding_bentkus) == 299);
  const std::int64_t betting = samples_to_pass(0.01, 0.05, QualityTest::betting);
  CHECK(betting_drop_p(std::vector<double>(static_cast<std::size_t>(betting), 0.0), 0.01) <= 0.05);
  CHECK(betting_drop_p(std::vector<double>(static_cast<std::size_t>(betting - 1), 0.0), 0.01) > 0.05);
}
