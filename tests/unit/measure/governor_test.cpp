#include "measure/hardware/governor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "measure/hardware/walk_model.hpp"
#include "toy_profile.hpp"

using namespace dynexec;
using namespace dynexec_test;
using doctest::Approx;
using Kind = WorkSegment::Kind;

namespace {

constexpr double kLayerMacs = 1e6, kHeadMacs = 1e5;  // 2 ms and 0.2 ms at 1000 MHz on the toy machine

// Ten exits, then the end.
NetworkWork ten_exits() {
  NetworkWork network;
  network.layers.assign(11, {.macs = kLayerMacs});
  network.heads.assign(11, {.macs = kHeadMacs});
  return network;
}

// Five levels from 200 to 1000 MHz, V proportional to f, little static power: slower is cheaper.
WalkModel toy_machine(const std::string& static_w = "0.01", const std::string& switch_us = "10") {
  const auto profile =
      profile_of(toy_yaml(static_w, toy_points("[200, 400, 600, 800, 1000]", "[0.2, 1.0]", switch_us)));
  return WalkModel(HardwareModel({.profile = profile, .format = "fp32", .resident_bytes = 1e6}), ten_exits());
}

WorkSegment layers(std::size_t from, std::size_t to) {
  const auto jump = static_cast<std::int64_t>(to + 1 - from);
  return {Kind::layers, kLayerMacs * static_cast<double>(jump), 0, to, jump};
}

// Exits that were tested, each but the last one with a forecast of the next.
std::vector<WorkSegment> walk(const std::vector<std::size_t>& tested) {
  std::vector<WorkSegment> segments;
  std::size_t from = 0;
  for (std::size_t i = 0; i < tested.size(); ++i) {
    segments.push_back(layers(from, tested[i]));
    segments.push_back({Kind::head, kHeadMacs, 0, tested[i], 0});
    if (i + 1 < tested.size()) segments.push_back({Kind::predictor, 100, 0, tested[i], 0});
    from = tested[i] + 1;
  }
  return segments;
}

Governor make(const WalkModel& replay, GovernorRule rule, double deadline = 1, std::optional<double> reserve = {}) {
  return replay.governor({.rule = rule, .deadline = deadline, .reserve = reserve});
}

std::vector<std::vector<WorkSegment>> random_walks(std::uint64_t seed, int count) {
  RandomStream random(seed, 0, 0, 0);
  std::vector<std::vector<WorkSegment>> walks;
  for (int i = 0; i < count; ++i) {
    std::vector<std::size_t> tested{random.below(4)};
    while (tested.back() < 10 && random.uniform() < 0.7)
      tested.push_back(std::min<std::size_t>(10, tested.back() + 1 + random.below(5)));
    walks.push_back(walk(tested));
  }
  return walks;
}

}  // namespace

TEST_CASE("the published rule: f_max jump / exits left, the nearest level, written when it changes") {
  const WalkModel replay = toy_machine();
  const Governor governor = make(replay, GovernorRule::published);
  // Exit 1 is tested: eight are left. A jump of 2 wants 250 MHz, of which 200 is nearest; then six are left, and a jump
  // of 4 wants 667, of which 600 is nearest.
  const ModelledRun run = replay.run(walk({1, 3, 7}), governor);
  CHECK(run.levels == std::vector<std::size_t>{4, 4, 4, 0, 0, 0, 2, 2});
  CHECK(run.switches == 3);  // to 200, to 600, back to 1000
  // 4 + 0.2 ms, then (2 x 2 + 0.2) x 5, then (4 x 2 + 0.2) x 1000/600; predictors 0.2 us; three stalls of 10 us.
  CHECK(run.ms == Approx(4.2 + 21 + 8.2 / 0.6 + 2e-4 * (1 + 5) + 0.03).epsilon(1e-9));
  CHECK(replay.run(walk({1, 3, 5}), governor).switches == 3);
  // The same level again is not written again: 1 of 3 exits left wants 333 MHz, after 2 of 5 left at 400.
  CHECK(replay.run(walk({4, 6, 7}), governor).switches == 2);
  // No exit left: the rest of the network at full speed. No forecast: full speed.
  CHECK(replay.run(walk({9, 10}), governor).switches == 0);
  CHECK(replay.run(walk({3}), governor).switches == 0);
}

TEST_CASE("the budget: the slowest level that ends in time") {
  const WalkModel replay = toy_machine("0.01", "0");
  // The plain network takes 11 x 2 + 0.2 = 22.2 ms. After exit 1, 18 ms are left (4.2 ms and a predictor of 0.2 us are
  // gone). A jump of 4 with its head takes 8.2 ms: 8.2 / 18 of 1000 MHz is 456; 600 is the next level.
  const Governor free = make(replay, GovernorRule::budget, 1, 0);
  CHECK(replay.run(walk({1, 5}), free).levels == std::vector<std::size_t>{4, 4, 4, 2, 2});
  CHECK(replay.run(walk({1, 5}), free).ms < 22.2);
  // Time spent is not forgotten: after a miss at exit 5 nothing is left, and full speed is all that remains.
  CHECK(replay.run(walk({1, 5, 8}), free).levels[6] == 4);
  // A full reserve never slows down within the plain network's time: there is no slack if the forecast is wrong.
  const Governor safe = make(replay, GovernorRule::budget, 1, 1);
  CHECK(replay.run(walk({1, 5}), safe).switches == 0);
  // With twice the time there is.
  CHECK(replay.run(walk({1, 5}), make(replay, GovernorRule::budget, 2, 1)).levels[3] < 4);
  // Where static power rules, slower is dearer, and the budget is left unused.
  const WalkModel leaky = toy_machine("50", "0");
  CHECK(leaky.run(walk({1, 5}), make(leaky, GovernorRule::budget, 1, 0)).switches == 0);
}

TEST_CASE("with a full reserve no walk ends after its deadline, whatever the forecasts") {
  const WalkModel replay = toy_machine();
  const Governor none = make(replay, GovernorRule::none);
  int slowed = 0;
  for (const double deadline : {1.0, 1.1, 1.5, 3.0}) {
    const Governor governor = make(replay, GovernorRule::budget, deadline, 1);
    for (const auto& tour : random_walks(3, 300)) {
      const ModelledRun full = replay.run(tour, none), governed = replay.run(tour, governor);
      const double allowed = std::max(deadline * replay.plain(tour).ms, full.ms);
      CHECK(governed.ms <= allowed * (1 + 1e-12));
      CHECK(governed.joules <= full.joules * (1 + 1e-12));
      slowed += governed.switches > 0;
    }
  }
  CHECK(slowed > 300);
}

TEST_CASE("without misses the budget ends within the plain network's time, and saves energy") {
  const WalkModel replay = toy_machine();
  const Governor governor = make(replay, GovernorRule::budget, 1, 0), none = make(replay, GovernorRule::none);
  for (std::size_t first = 0; first < 6; ++first) {
    for (std::size_t leave = first + 1; leave < 9; ++leave) {
      CAPTURE(first);
      CAPTURE(leave);
      const auto tour = walk({first, leave});
      CHECK(replay.run(tour, governor).ms <= replay.plain(tour).ms);
      // The longest jump leaves too little to slow down by a whole level.
      const double saved = replay.run(tour, none).joules - replay.run(tour, governor).joules;
      CHECK((leave - first < 7 ? saved > 0 : saved >= 0));
    }
  }
}

TEST_CASE("the whole network has no slack: every governor equals none") {
  const WalkModel replay = toy_machine();
  const std::vector<WorkSegment> whole{layers(0, 10), {Kind::head, kHeadMacs, 0, 10, 0}};
  const ModelledRun plain = replay.run(whole, make(replay, GovernorRule::none));
  CHECK(plain.ms == Approx(replay.plain(whole).ms));
  CHECK(plain.joules == Approx(replay.plain(whole).joules));
  const std::vector<std::vector<WorkSegment>> walks(4, whole);
  for (const GovernorRule rule : {GovernorRule::published, GovernorRule::budget, GovernorRule::constant}) {
    Governor governor = make(replay, rule);
    calibrate_governor(governor, replay, walks);
    CHECK(replay.run(whole, governor).ms == plain.ms);
    CHECK(replay.run(whole, governor).switches == 0);
  }
}

TEST_CASE("calibration keeps the mean within the deadline at the least energy") {
  const WalkModel replay = toy_machine();
  const auto walks = random_walks(11, 400), others = random_walks(12, 400);
  const auto mean = [&](const std::vector<std::vector<WorkSegment>>& tours, const Governor& governor, bool joules) {
    double sum = 0;
    for (const auto& tour : tours) {
      const ModelledRun run = replay.run(tour, governor);
      sum += joules ? run.joules : run.ms;
    }
    return sum / static_cast<double>(tours.size());
  };
  const double plain_ms = replay.plain(walks[0]).ms;
  const Governor none = make(replay, GovernorRule::none);
  for (const GovernorRule rule : {GovernorRule::budget, GovernorRule::constant}) {
    Governor governor = make(replay, rule);
    calibrate_governor(governor, replay, walks);
    CHECK(mean(walks, governor, false) <= plain_ms);
    CHECK(mean(others, governor, false) <= plain_ms);
    CHECK(mean(others, governor, true) < 0.9 * mean(others, none, true));
    if (rule == GovernorRule::budget) {
      REQUIRE(governor.options().reserve.has_value());
      CHECK(*governor.options().reserve < 1);  // with a full one nothing runs slower, see above
    } else {
      CHECK(governor.base_level() < governor.top());
      Governor slower = governor;
      if (governor.base_level() > 0) {
        slower.set_base_level(governor.base_level() - 1);
        CHECK(mean(walks, slower, false) > 0.98 * plain_ms);  // one level less does not meet it with confidence
      }
    }
  }
  // A deadline that even full speed misses: full speed.
  Governor late = make(replay, GovernorRule::constant, 0.2);
  calibrate_governor(late, replay, walks);
  CHECK(late.base_level() == late.top());
}

TEST_CASE("of the reserves that meet the deadline the one of least energy is chosen") {
  const WalkModel replay = toy_machine();
  const auto walks = random_walks(11, 400);
  const double count = static_cast<double>(walks.size());
  for (const double deadline : {1.0, 0.8, 0.6}) {
    CAPTURE(deadline);
    std::vector<double> joules;  // mean, of each twentieth
    int cheapest = -1;
    for (int twentieth = 0; twentieth <= 20; ++twentieth) {
      const Governor governor = make(replay, GovernorRule::budget, deadline, twentieth / 20.0);
      double sum = 0, late = 0, squares = 0;
      for (const auto& tour : walks) {
        const ModelledRun run = replay.run(tour, governor);
        const double over = run.ms - deadline * replay.plain(tour).ms;
        sum += run.joules, late += over, squares += over * over;
      }
      joules.push_back(sum / count);
      late /= count;
      // On 95 % of such sets of inputs: 1.645 standard errors.
      const double variance = std::max(0.0, squares / count - late * late);
      const bool meets = late + 1.644854 * std::sqrt(variance / count) <= 0;
      if (meets && (cheapest < 0 || joules.back() < joules[static_cast<std::size_t>(cheapest)])) cheapest = twentieth;
    }
    Governor governor = make(replay, GovernorRule::budget, deadline);
    calibrate_governor(governor, replay, walks);
    REQUIRE(governor.options().reserve.has_value());
    const auto chosen = static_cast<std::size_t>(std::lround(20 * *governor.options().reserve));
    // Reserves that govern alike cost alike; where none meets the deadline all is kept.
    CHECK(joules[chosen] == Approx(joules[cheapest < 0 ? 20 : static_cast<std::size_t>(cheapest)]).epsilon(1e-9));
    if (cheapest < 0) CHECK(chosen == 20);
  }
}

TEST_CASE("inputs of another size are judged by their own plain time") {
  const WalkModel replay = toy_machine("0.01", "0");
  std::vector<WorkSegment> tour = walk({1, 5});
  const ModelledRun once = replay.run(tour, make(replay, GovernorRule::budget, 1, 0));
  for (WorkSegment& segment : tour) segment.macs *= 3;
  CHECK(replay.plain(tour).ms == Approx(3 * 22.2));
  const ModelledRun thrice = replay.run(tour, make(replay, GovernorRule::budget, 1, 0));
  CHECK(thrice.levels == once.levels);
  CHECK(thrice.ms == Approx(3 * once.ms));
}
