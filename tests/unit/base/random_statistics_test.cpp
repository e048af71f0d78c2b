// Distribution tests with fixed seeds: a pass stays a pass. Limits are the 1 - 1e-4 quantiles of the
// statistic, so a sound generator would fail one of these cases for about 1 seed in 1,000.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/random.hpp"

using dynexec::RandomStream;

namespace {

// Chi-square of counts against equal expectation.
double chi_square(const std::vector<std::uint64_t>& counts) {
  double total = 0.0;
  for (const std::uint64_t count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0.0;
  for (const std::uint64_t count : counts) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  return sum;
}

std::vector<std::uint64_t> tally(std::size_t bins, int draws, const std::function<std::uint64_t()>& draw) {
  std::vector<std::uint64_t> counts(bins);
  for (int i = 0; i < draws; ++i) ++counts.at(static_cast<std::size_t>(draw()));
  return counts;
}

// Upper 1e-4 quantiles of chi-square by degrees of freedom.
constexpr double limit_2 = 18.42, limit_5 = 25.74, limit_23 = 57.07, limit_99 = 160.1, limit_255 = 347.6;

// Largest distance between the sample's distribution function and `cdf`, times sqrt(n).
double kolmogorov(std::vector<double> sample, const std::function<double(double)>& cdf) {
  std::sort(sample.begin(), sample.end());
  const double n = static_cast<double>(sample.size());
  double distance = 0.0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double f = cdf(sample[i]), below = static_cast<double>(i) / n;
    distance = std::max({distance, f - below, below + 1.0 / n - f});
  }
  return distance * std::sqrt(n);
}

constexpr double kolmogorov_limit = 2.23;  // 1e-4

}  // namespace

TEST_CASE("each byte of the words is uniform") {
  for (const unsigned shift : {0U, 8U, 16U, 24U}) {
    RandomStream stream(11, 1, 0, 2);
    CHECK(chi_square(tally(256, 200000, [&] { return (stream.next_u32() >> shift) & 255U; })) < limit_255);
  }
}

TEST_CASE("uniform is uniform") {
  RandomStream stream(12, 0, 0, 0);
  std::vector<double> sample(100000);
  for (double& u : sample) u = stream.uniform();
  CHECK(kolmogorov(sample, [](double u) { return u; }) < kolmogorov_limit);
}

TEST_CASE("first draws of neighbouring streams are independent") {
  // A weak mixing of the key into the stream would show in pairs from neighbouring samples, repetitions or
  // purposes.
  const auto pairs = [](const std::function<RandomStream(std::uint32_t)>& stream) {
    std::uint32_t i = 0;
    return chi_square(tally(100, 50000, [&] {
      const std::uint64_t a = stream(i).below(10), b = stream(i + 1).below(10);
      ++i;
      return 10 * a + b;
    }));
  };
  CHECK(pairs([](std::uint32_t i) { return RandomStream(1, i, 0, 0); }) < limit_99);
  CHECK(pairs([](std::uint32_t i) { return RandomStream(1, 0, i, 0); }) < limit_99);
  CHECK(pairs([](std::uint32_t i) { return RandomStream(1, 0, 0, i); }) < limit_99);
  CHECK(pairs([](std::uint32_t i) { return RandomStream(i, 0, 0, 0); }) < limit_99);
}

TEST_CASE("below has no bias where modulo or an unrejected product would have it") {
  RandomStream stream(13, 0, 0, 0);
  CHECK(chi_square(tally(6, 120000, [&] { return stream.below(6); })) < limit_5);
  // For 3 * 2^62 modulo doubles the lowest third, and a product without rejection doubles the multiples of
  // three.
  constexpr std::uint64_t third = 1ULL << 62, bound = 3 * third;
  CHECK(chi_square(tally(3, 60000, [&] { return stream.below(bound) / third; })) < limit_2);
  CHECK(chi_square(tally(3, 60000, [&] { return stream.below(bound) % 3; })) < limit_2);
}

TEST_CASE("shuffle gives every order equally often") {
  RandomStream stream(14, 0, 0, 1);
  std::map<std::vector<int>, std::uint64_t> seen;
  for (int i = 0; i < 48000; ++i) {
    std::vector<int> items = {0, 1, 2, 3};
    stream.shuffle(items);
    ++seen[items];
  }
  REQUIRE(seen.size() == 24);
  std::vector<std::uint64_t> counts;
  for (const auto& [order, count] : seen) counts.push_back(count);
  CHECK(chi_square(counts) < limit_23);
}

TEST_CASE("normal is standard normal and consecutive draws are uncorrelated") {
  RandomStream stream(15, 0, 0, 7);
  std::vector<double> sample(100000);
  for (double& z : sample) z = stream.normal();
  const auto cdf = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
  CHECK(kolmogorov(sample, cdf) < kolmogorov_limit);
  double lag = 0.0;
  for (std::size_t i = 1; i < sample.size(); ++i) lag += sample[i] * sample[i - 1];
  CHECK(std::abs(lag / static_cast<double>(sample.size())) < 3.9 / std::sqrt(static_cast<double>(sample.size())));
}
