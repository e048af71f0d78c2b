#include "measure/hardware/model.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "base/random.hpp"
#include "toy_profile.hpp"

using namespace dynexec;
using namespace dynexec_test;
using doctest::Approx;

namespace {

HardwareModel toy(double resident_bytes, const std::string& more = toy_points()) {
  return HardwareModel(
      {.profile = profile_of(toy_yaml("1", more)), .format = "fp32", .resident_bytes = resident_bytes});
}

}  // namespace

TEST_CASE("digital: weights in memory, by hand") {
  const HardwareModel model = toy(1e6);
  REQUIRE(model.levels() == 2);
  const Work work{.macs = 1e6, .weight_bytes = 1e5};
  // 10^6 at 0.5 x 10^9 a second: 2 ms; 10^5 B at 1 GB/s: 0.1 ms.
  // (1 W + 1 nF x 1 V^2 x 1 GHz = 1 W) x 2.1 ms = 4.2 mJ; 10^6 x 2 pJ = 2 uJ; 10^5 x 100 pJ = 10 uJ.
  const WorkCost top = model.cost(work, 1);
  CHECK(top.ms == Approx(2.1));
  CHECK(top.joules == Approx(4.2e-3 + 2e-6 + 10e-6));
  // At half the frequency the 2 ms double and the 0.1 ms stay. 1 nF x 0.25 V^2 x 0.5 GHz = 0.125 W; arithmetic x 0.25.
  const WorkCost slow = model.cost(work, 0);
  CHECK(slow.ms == Approx(4.1));
  CHECK(slow.joules == Approx(1.125 * 4.1e-3 + 0.5e-6 + 10e-6));
  CHECK(top.adc_joules == 0);
  CHECK(model.switch_ms() == Approx(0.01));
  CHECK(model.switch_joules() == Approx(5e-6));
}

TEST_CASE("digital: weights in the cache, by hand") {
  const HardwareModel model = toy(1000);
  CHECK(model.weight_memory().name == "cache");
  // 1000 MAC take 2 us, 800 B at 4 GB/s 0.2 us at the same time: the longer counts, and the cache slows with the core.
  CHECK(model.cost({.macs = 1000, .weight_bytes = 800}, 1).ms == Approx(2e-3));
  CHECK(model.cost({.macs = 10, .weight_bytes = 800}, 1).ms == Approx(0.2e-3));
  CHECK(model.cost({.macs = 10, .weight_bytes = 800}, 0).ms == Approx(0.4e-3));
  // 2 W x 0.2 us + 10 x 2 pJ + 800 x 1 pJ.
  CHECK(model.cost({.macs = 10, .weight_bytes = 800}, 1).joules == Approx(2 * 0.2e-6 + 20e-12 + 800e-12));
  // Other bytes come from the memory: 100 B at 1 GB/s and 100 pJ.
  CHECK(model.cost({.activation_bytes = 100}, 0).ms == Approx(1e-4));
  CHECK(model.cost({.activation_bytes = 100}, 1).joules == Approx(2 * 1e-7 + 100 * 100e-12));
  CHECK(toy(1001).weight_memory().name == "memory");
}

TEST_CASE("a format of fewer bits reads fewer bytes") {
  auto profile = std::make_shared<HardwareProfile>(*profile_of(toy_yaml("1", toy_points())));
  profile->formats.push_back(profile->formats.front());
  profile->formats.back().name = "int8";
  profile->formats.back().bits.value = 8;
  const HardwareModel wide({.profile = profile, .format = "fp32", .resident_bytes = 4000});
  const HardwareModel narrow({.profile = profile, .format = "int8", .resident_bytes = 4000});
  CHECK(wide.weight_memory().name == "memory");
  CHECK(narrow.weight_memory().name == "cache");
}

TEST_CASE("energy and time grow with the work, and energy falls with the voltage, under every shipped profile") {
  for (const char* name : kShippedProfiles) {
    CAPTURE(name);
    const auto profile = shipped(name);
    for (const NumberFormat& format : profile->formats) {
      const HardwareModel model({.profile = profile, .format = format.name, .resident_bytes = 4e6});
      RandomStream random(7, 0, 0, 0);
      for (int trial = 0; trial < 50; ++trial) {
        const double weights = 1 + random.uniform() * 1e6, rows = 1 + random.uniform() * 100;
        const Work small{.macs = weights * rows, .weight_bytes = 4 * weights};
        const Work more{.macs = weights * (rows + 1), .weight_bytes = 4 * weights};
        for (std::size_t level = 0; level < model.levels(); ++level) {
          const WorkCost a = model.cost(small, level), b = model.cost(more, level);
          CHECK(b.joules > a.joules);
          CHECK(b.ms >= a.ms);  // equal where a cache is the bottleneck
          CHECK(a.joules > 0);
          if (level > 0) CHECK(a.ms < model.cost(small, level - 1).ms);
        }
      }
    }
  }
}

TEST_CASE("shipped profiles draw what their machines are known to draw") {
  const auto watts = [](const char* name, std::size_t below_top) {
    const auto profile = shipped(name);
    const HardwareModel model({.profile = profile, .format = "fp32", .resident_bytes = 1e9});
    const WorkCost cost = model.cost({.macs = 1e9}, model.top() - below_top);
    return cost.joules / cost.ms * 1e3;
  };
  // TX2: the module's modes are 7.5 W (GPU at 854 MHz, five levels below the highest) and 15 W (1300 MHz), of which the
  // GPU takes the larger part. AGX Xavier: 30 W. A core of 28 in 205 W.
  CHECK(watts("jetson_tx2", 5) == Approx(4).epsilon(0.1));
  CHECK(watts("jetson_tx2", 0) == Approx(8).epsilon(0.1));
  CHECK(watts("jetson_agx", 0) == Approx(16).epsilon(0.1));
  CHECK(watts("server_cpu", 0) == Approx(205.0 / 28).epsilon(0.15));
}

TEST_CASE("analogue: the model adds what arrays cannot do") {
  // 36 cells of 1000: no reload. 6 x 3 weights, 5 vectors: see cim_test for the 696 pJ and 200 ns.
  const HardwareModel model = toy(18 * 4, toy_cim());
  Work work{.macs = 90, .weight_bytes = 72, .matrices = {{6, 3, 5}}};
  const WorkCost read = model.cost(work, 0);
  CHECK(read.ms == Approx(200e-6));
  CHECK(read.joules == Approx(696e-12 + 1 * 200e-9));  // 1 W of static power for 200 ns
  CHECK(read.adc_joules == Approx(480e-12));
  // Products of two activations go to the digital unit: 1000 at 0.5 x 10^9 a second are 2 us, at (1 W) and 2 pJ each.
  work.dynamic_macs = 1000;
  CHECK(model.cost(work, 0).ms == Approx(200e-6 + 2e-3));
  CHECK(model.cost(work, 0).joules == Approx(696e-12 + 200e-9 + 2e-6 + 2000e-12));
  // Without shapes a square matrix of the same weights stands in: 16 weights, 4 x 4, 2 vectors.
  const CimCost square = cim_layer(*model.profile().cim, {4, 4, 2});
  CHECK(model.cost({.macs = 32, .weight_bytes = 64}, 0).adc_joules == Approx(square.adc_joules));
  // Twice the capacity: half of the cells are written anew for every input. 18 cells of 6 nJ; 5 rows of 150 ns.
  const HardwareModel full = toy(18 * 4, toy_cim("18"));
  CHECK(full.capacity().reload_share == Approx(0.5));
  CHECK(full.cost({.macs = 90, .weight_bytes = 72, .matrices = {{6, 3, 5}}}, 0).ms == Approx(200e-6 + 5 * 150e-6));
}
