#include "measure/energy.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "base/error.hpp"

using namespace dynexec;
namespace fs = std::filesystem;

namespace {

// A powercap folder as the kernel lays it out.
class FakeSysfs {
 public:
  FakeSysfs() : root_(fs::temp_directory_path() / ("dynexec-energy-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~FakeSysfs() { fs::remove_all(root_); }

  void zone(const std::string& folder, const std::string& name, double energy, double range = 1e9) {
    fs::create_directories(root_ / folder);
    std::ofstream(root_ / folder / "name") << name << "\n";
    std::ofstream(root_ / folder / "max_energy_range_uj") << static_cast<long long>(range) << "\n";
    set(folder, energy);
  }
  void set(const std::string& folder, double energy) {
    std::ofstream(root_ / folder / "energy_uj") << static_cast<long long>(energy) << "\n";
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

}  // namespace

TEST_CASE("packages and dram are added, core and psys are not") {
  FakeSysfs sysfs;
  sysfs.zone("intel-rapl:0", "package-0", 1e6);
  sysfs.zone("intel-rapl:0/intel-rapl:0:0", "core", 5e6);
  sysfs.zone("intel-rapl:0/intel-rapl:0:1", "dram", 2e6);
  sysfs.zone("intel-rapl:1", "package-1", 0);
  sysfs.zone("intel-rapl:2", "psys", 0);
  sysfs.zone("intel-rapl-mmio:0", "package-0", 0);
  sysfs.zone("intel-rapl:0:1", "dram", 0);  // the flat link beside its nested place
  const auto meter = make_energy_meter("auto", sysfs.root());
  CHECK(meter->source() == "rapl:dram+package-0+package-1");
  CHECK(meter->reason() == "");
  CHECK(meter->joules() == 0);
  sysfs.set("intel-rapl:0", 4e6);
  sysfs.set("intel-rapl:0/intel-rapl:0:0", 9e6);
  sysfs.set("intel-rapl:0/intel-rapl:0:1", 2.5e6);
  sysfs.set("intel-rapl:1", 1e6);
  sysfs.set("intel-rapl:2", 9e8);
  CHECK(meter->joules() == doctest::Approx(4.5));
}

TEST_CASE("a counter that wraps goes on counting") {
  FakeSysfs sysfs;
  sysfs.zone("intel-rapl:0", "package-0", 900, 1000);
  const auto meter = make_energy_meter("rapl", sysfs.root());
  sysfs.set("intel-rapl:0", 100);
  CHECK(meter->joules() == doctest::Approx(200e-6));
  sysfs.set("intel-rapl:0", 50);
  CHECK(meter->joules() == doctest::Approx(1150e-6));
}

TEST_CASE("without readable counters energy is unavailable, never zero") {
  FakeSysfs sysfs;
  const auto empty = make_energy_meter("auto", sysfs.root());
  CHECK(empty->source() == "unavailable");
  CHECK_FALSE(empty->reason().empty());
  CHECK(std::isnan(empty->joules()));
  CHECK_THROWS_AS(make_energy_meter("rapl", sysfs.root()), Error);
  CHECK_THROWS_AS(make_energy_meter("rapl", sysfs.root() / "absent"), Error);

  // One of two packages unreadable: a sum of the rest would be too small.
  sysfs.zone("intel-rapl:0", "package-0", 1);
  sysfs.zone("intel-rapl:1", "package-1", 1);
  fs::remove(sysfs.root() / "intel-rapl:1/energy_uj");
  const auto partial = make_energy_meter("auto", sysfs.root());
  CHECK(std::isnan(partial->joules()));
  CHECK(partial->reason().find("intel-rapl:1") != std::string::npos);

  CHECK(make_energy_meter("none", sysfs.root())->source() == "unavailable");
}

TEST_CASE("a counter that vanishes during a run makes the figure missing") {
  FakeSysfs sysfs;
  sysfs.zone("intel-rapl:0", "package-0", 1);
  const auto meter = make_energy_meter("auto", sysfs.root());
  fs::remove_all(sysfs.root() / "intel-rapl:0");
  CHECK(std::isnan(meter->joules()));
}
