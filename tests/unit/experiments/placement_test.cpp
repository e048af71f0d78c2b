// Exits chosen for all inputs.
#include <doctest/doctest.h>

#include "base/random.hpp"
#include "experiments/early_exit/placement.hpp"

using namespace dynexec;
using namespace dynexec::early_exit;

namespace {

// Inputs whose passing at later exits is likelier but comes and goes.
PlacementData random_placement(std::uint64_t seed, std::size_t exits) {
  RandomStream random(seed, 0, 0, 0);
  PlacementData data{.samples = 60, .passes = {exits, std::vector<char>(60)}, .layers = {}, .heads = {}};
  for (std::size_t i = 0; i < data.samples; ++i) {
    const double depth = random.uniform() * 1.2;
    for (std::size_t exit = 0; exit < exits; ++exit) {
      const double at = static_cast<double>(exit + 1) / static_cast<double>(exits);
      data.passes[exit][i] = random.uniform() < (at > depth ? 0.8 : 0.1) ? 1 : 0;
    }
  }
  for (std::size_t part = 0; part <= exits; ++part) {
    data.layers.push_back(1 + random.uniform() * 4);
    data.heads.push_back(random.uniform() * 2);
  }
  return data;
}

}  // namespace

TEST_CASE("the expected cost of exits is that of inputs that leave at the first they pass") {
  const PlacementData data{
      .samples = 2, .passes = {{1, 0}, {0, 0}, {0, 1}}, .layers = {10, 20, 30, 40}, .heads = {1, 2, 3, 4}};
  CHECK(placement_cost(data, std::vector<std::size_t>{}) == 104);
  CHECK(placement_cost(data, std::vector<std::size_t>{0, 2}) == (11 + 11 + 20 + 33) / 2.0);
  CHECK(placement_cost(data, std::vector<std::size_t>{1, 2}) == (10 + 22 + 33 + 44 + 10 + 22 + 33) / 2.0);
  CHECK(cheapest_placement(data) == std::vector<std::size_t>{0, 2});
}

TEST_CASE("changing one exit at a time finds the best subset") {
  int exact = 0;
  double excess = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const PlacementData data = random_placement(seed, 9);
    const double least = placement_cost(data, cheapest_placement(data)),
                 found = placement_cost(data, improved_placement(data));
    for (std::size_t subset = 0; subset < 512; ++subset) {
      std::vector<std::size_t> exits;
      for (std::size_t exit = 0; exit < 9; ++exit)
        if (subset >> exit & 1) exits.push_back(exit);
      REQUIRE(least <= placement_cost(data, exits) + 1e-9);
    }
    CHECK(found >= least - 1e-9);
    exact += found < least + 1e-9 ? 1 : 0;
    excess = std::max(excess, found / least - 1);
  }
  CHECK(exact >= 38);
  CHECK(excess < 0.01);
}

TEST_CASE("the published placement") {
  // (share - m) y_next - (1 - m) y_exit - (1 - share) y_cur, of ten inputs.
  PlacementData data{
      .samples = 10, .passes = {3, std::vector<char>(10, 0)}, .layers = {10, 10, 30, 10}, .heads = {1, 1, 1, 1}};
  for (std::size_t i = 0; i < 8; ++i) data.passes[0][i] = data.passes[1][i] = data.passes[2][i] = 1;
  // m = 0.2: exit 0: 0.3 * 10 - 0.8 - 5 < 0; exit 1: 0.3 * 30 - 0.8 - 5 = 3.2; exit 2: 0.3 * 10 - 0.8 - 15 < 0.
  CHECK(optimised_placement(data, 0.5) == std::vector<std::size_t>{1});
  // share 0.9: 7 - 0.8 - 1; 21 - 0.8 - 1; 7 - 0.8 - 3: all pay.
  CHECK(optimised_placement(data, 0.9) == std::vector<std::size_t>{0, 1, 2});
  data.passes[1].assign(10, 0);
  CHECK(optimised_placement(data, 0.9) == std::vector<std::size_t>{0, 2});
}
