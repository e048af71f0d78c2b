#include "models/sampling.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"

using namespace dynexec;

namespace {

std::vector<float> random_logits(std::size_t vocab, std::uint64_t seed, double spread = 3) {
  RandomStream random(seed, 0, 0, 0);
  std::vector<float> logits(vocab);
  for (float& logit : logits) logit = static_cast<float>(spread * random.normal());
  return logits;
}

// The definition, by sorting everything, in double precision.
std::vector<double> naive_warp(std::span<const float> logits, const SamplingOptions& o,
                               std::span<const std::int32_t> history) {
  std::vector<double> z(logits.begin(), logits.end());
  std::vector<std::int32_t> seen(history.begin(), history.end());
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const std::int32_t id : seen) {
    double& logit = z[static_cast<std::size_t>(id)];
    logit = logit > 0 ? logit / o.repetition_penalty : logit * o.repetition_penalty;
  }
  std::vector<std::size_t> order(z.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return z[a] > z[b]; });
  std::vector<double> p(z.size());
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = std::exp((z[i] - z[order[0]]) / o.temperature);
  const auto normalise = [&] {
    const double total = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= total;
  };
  if (o.top_k > 0 && o.top_k < static_cast<std::int64_t>(p.size())) {
    const double least = z[order[static_cast<std::size_t>(o.top_k - 1)]];
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = z[i] < least ? 0 : p[i];
  }
  normalise();
  if (o.top_p < 1) {
    double mass = 0;
    for (const std::size_t i : order) {
      const double own = p[i];
      if (mass >= o.top_p) p[i] = 0;
      mass += own;
    }
    normalise();
  }
  const double top = *std::max_element(p.begin(), p.end());
  for (double& x : p) x = x < o.min_p * top ? 0 : x;
  normalise();
  return p;
}

}  // namespace

TEST_CASE("warping equals its definition for every combination of warpers") {
  const std::vector<std::int32_t> history = {3, 5, 5, 0, 36, 3};
  for (const std::size_t vocab : std::initializer_list<std::size_t>{2, 37, 1000, 9000}) {
    for (const double temperature : {0.3, 1.0, 2.5}) {
      for (const std::int64_t top_k : {0, 1, 7, 500, 100000}) {
        for (const double top_p : {1.0, 0.95, 0.5, 0.01}) {
          for (const double min_p : {0.0, 0.05, 1.0}) {
            for (const double penalty : {1.0, 1.3}) {
              const SamplingOptions options{temperature, top_k, top_p, min_p, penalty};
              const std::vector<float> logits = random_logits(vocab, vocab + static_cast<std::size_t>(top_k));
              const auto used = std::span(history).first(vocab > 36 ? 6 : 0);
              std::vector<float> found(vocab, -1);
              warp(logits, options, used, found);
              const std::vector<double> wanted = naive_warp(logits, options, used);
              double worst = 0;
              for (std::size_t i = 0; i < vocab; ++i) {
                worst = std::max(worst, std::abs(static_cast<double>(found[i]) - wanted[i]));
              }
              INFO("vocab ", vocab, " temperature ", temperature, " k ", top_k, " p ", top_p, " min ", min_p,
                   " penalty ", penalty);
              CHECK(worst < 2e-6);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("greedy is a one-hot of the largest penalised logit, the lowest index on ties") {
  const std::vector<float> logits = {1, 5, 5, 2};
  std::vector<float> p(4);
  warp(logits, SamplingOptions{}, {}, p);
  CHECK(p == std::vector<float>{0, 1, 0, 0});
  const std::vector<std::int32_t> history = {1};
  warp(logits, SamplingOptions{.repetition_penalty = 2}, history, p);
  CHECK(p == std::vector<float>{0, 0, 1, 0});
  CHECK(argmax(logits) == 1);
  CHECK(argmax(std::vector<float>{-3}) == 0);
  CHECK(argmax(std::vector<float>{-INFINITY, -INFINITY}) == 0);
}

TEST_CASE("argmax finds the first largest at every place") {
  for (const std::size_t size : std::initializer_list<std::size_t>{1, 15, 16, 17, 100}) {
    for (std::size_t i = 0; i < size; ++i) {
      std::vector<float> logits(size, -2);
      std::fill(logits.begin() + static_cast<std::ptrdiff_t>(i), logits.end(), 3.0f);
      CHECK(argmax(logits) == static_cast<std::int32_t>(i));
    }
  }
}

TEST_CASE("equal logits: top-k keeps all that tie with the last, top-p as many as it needs") {
  const std::vector<float> logits(10, 0.5f);
  std::vector<float> p(10);
  warp(logits, SamplingOptions{.temperature = 1, .top_k = 3}, {}, p);
  CHECK(std::count(p.begin(), p.end(), 0.1f) == 10);
  warp(logits, SamplingOptions{.temperature = 1, .top_p = 0.35}, {}, p);
  CHECK(std::count(p.begin(), p.end(), 0.25f) == 4);
  CHECK(std::count(p.begin(), p.end(), 0.0f) == 6);
}

TEST_CASE("at least one token survives every setting, and the mass is one") {
  for (const double top_p : {0.0, 1e-9, 0.5}) {
    for (const double spread : {0.0, 1e-3, 40.0}) {
      const std::vector<float> logits = random_logits(500, 3, spread);
      std::vector<float> p(500);
      warp(logits, SamplingOptions{.temperature = 0.7, .top_k = 1, .top_p = top_p, .min_p = 1}, {}, p);
      const double total = std::accumulate(p.begin(), p.end(), 0.0);
      CHECK(total == doctest::Approx(1).epsilon(1e-5));
    }
  }
}

TEST_CASE("drawing inverts the distribution function") {
  const std::vector<float> p = {0, 0.25f, 0, 0.5f, 0.25f, 0};
  CHECK(draw(p, 0) == 1);
  CHECK(draw(p, 0.2499) == 1);
  CHECK(draw(p, 0.25) == 3);
  CHECK(draw(p, 0.7499) == 3);
  CHECK(draw(p, 0.75) == 4);
  CHECK(draw(p, std::nextafter(1.0, 0.0)) == 4);
  CHECK(draw(std::vector<float>{2, 2}, 0.5) == 1);  // any positive scale
}

TEST_CASE("frequencies of draws follow the probabilities") {
  const std::vector<float> logits = random_logits(30, 8, 1);
  std::vector<float> p(30);
  warp(logits, SamplingOptions{.temperature = 1}, {}, p);
  std::vector<double> counts(30, 0);
  RandomStream random(4, 0, 0, 0);
  const int draws = 200000;
  for (int i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(draw(p, random.uniform()))];
  double chi_square = 0;
  for (std::size_t i = 0; i < 30; ++i) {
    const double expected = draws * static_cast<double>(p[i]);
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  CHECK(chi_square < 66);  // 29 degrees of freedom: exceeded once in 10,000 seeds
}

TEST_CASE("entropy and gap") {
  CHECK(entropy_of_logits(std::vector<float>(64, 3.0f)) == doctest::Approx(std::log(64.0)).epsilon(1e-6));
  CHECK(entropy_of_logits(std::vector<float>{0, -1000}) == doctest::Approx(0));
  const std::vector<float> logits = random_logits(1000, 5);
  double total = 0, weighted = 0;
  for (const float z : logits) {
    total += std::exp(static_cast<double>(z));
    weighted += std::exp(static_cast<double>(z)) * static_cast<double>(z);
  }
  CHECK(entropy_of_logits(logits) == doctest::Approx(std::log(total) - weighted / total).epsilon(1e-6));
  CHECK(top_gap(std::vector<float>{1, 7, 4.5f}) == 2.5f);
  CHECK(top_gap(std::vector<float>{7, 7, 1}) == 0);
}

TEST_CASE("sizes must agree") {
  std::vector<float> p(3);
  CHECK_THROWS_AS(warp(std::vector<float>(4), SamplingOptions{}, {}, p), Error);
  CHECK_THROWS_AS(argmax(std::vector<float>{}), Error);
}
