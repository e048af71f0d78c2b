#include "experiments/speculative/acceptance.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "models/sampling.hpp"

using namespace dynexec;
using namespace dynexec::speculative;

namespace {

using Distribution = std::vector<float>;

// One position of the algorithm: draft from q, accept or redraw from the residual.
std::int32_t one_token(const Distribution& p, const Distribution& q, RandomStream& random, bool& accepted) {
  const std::int32_t token = draw(q, random.uniform());
  accepted = accepts(p, q, token, random.uniform());
  if (accepted) return token;
  Distribution residual = p;
  to_residual(residual, q, token);
  return draw(residual, random.uniform());
}

}  // namespace

TEST_CASE("the output follows the target's distribution, whatever the draft's") {
  const Distribution p{0.45f, 0.05f, 0.3f, 0.2f, 0.0f};
  for (const Distribution& q : {Distribution{0.1f, 0.4f, 0.2f, 0.1f, 0.2f}, Distribution{0.45f, 0.05f, 0.3f, 0.2f, 0},
                                Distribution{0, 0, 0, 0, 1.0f}}) {
    RandomStream random(7, 0, 0, 0);
    std::array<int, 5> counts{};
    constexpr int kDraws = 40000;
    bool accepted = false;
    for (int i = 0; i < kDraws; ++i) ++counts[static_cast<std::size_t>(one_token(p, q, random, accepted))];
    CHECK(counts[4] == 0);
    double chi_square = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const double expected = kDraws * static_cast<double>(p[i]);
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    CHECK(chi_square < 16.27);  // chi-square with 3 degrees of freedom, false alarm 0.1 %
  }
}

TEST_CASE("the acceptance rate is 1 - TV(p, q) and rounds have (1 - a^(k+1)) / (1 - a) tokens") {
  // Independent positions with acceptance 0.763, as in the closed form's derivation.
  const Distribution p{0.5f, 0.3f, 0.2f};
  const Distribution q{0.263f, 0.437f, 0.3f};
  double overlap = 0;
  for (std::size_t i = 0; i < p.size(); ++i) overlap += static_cast<double>(std::min(p[i], q[i]));
  REQUIRE(overlap == doctest::Approx(0.763).epsilon(1e-4));
  RandomStream random(11, 0, 0, 0);
  constexpr int kRounds = 40000, kLength = 4;
  double tokens = 0;
  int trials = 0, kept = 0;
  for (int round = 0; round < kRounds; ++round) {
    int n = 0;
    bool accepted = true;
    while (n < kLength && accepted) {
      one_token(p, q, random, accepted);
      ++trials;
      if (accepted) ++kept, ++n;
    }
    tokens += n + 1;
  }
  const double expected = (1 - std::pow(overlap, kLength + 1)) / (1 - overlap);
  CHECK(expected == doctest::Approx(3.126).epsilon(1e-3));
  CHECK(tokens / kRounds == doctest::Approx(expected).epsilon(0.01));
  CHECK(static_cast<double>(kept) / trials == doctest::Approx(overlap).epsilon(0.01));
}

TEST_CASE("a one-hot drafter is accepted with probability p and its residual drops the token") {
  const Distribution p{0.25f, 0.75f};
  CHECK(accepts(p, {}, 0, 0.25));
  CHECK_FALSE(accepts(p, {}, 0, 0.2501));
  Distribution residual = p;
  to_residual(residual, {}, 1);
  CHECK(residual[0] == doctest::Approx(1));
  CHECK(residual[1] == 0);
}

TEST_CASE("edge cases: equal distributions, shorter drafts, impossible tokens") {
  const Distribution p{0.25f, 0.75f, 0.0f};
  CHECK_FALSE(accepts(p, {}, 2, 0.0));
  Distribution same = p;
  to_residual(same, p, 0);
  CHECK(same == p);  // nothing is left over: falls back to p
  Distribution padded = p;
  to_residual(padded, Distribution{0.25f, 0.25f}, 0);
  CHECK(padded[1] == doctest::Approx(1));
}
