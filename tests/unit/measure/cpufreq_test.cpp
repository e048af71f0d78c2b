#include "measure/hardware/cpufreq.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/error.hpp"

using namespace dynexec;
namespace fs = std::filesystem;

namespace {

// The cpufreq folder as the kernel lays it out.
class FakeCpufreq {
 public:
  FakeCpufreq() : root_(fs::temp_directory_path() / ("dynexec-cpufreq-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~FakeCpufreq() { fs::remove_all(root_); }

  void policy(int number, const std::string& governors = "performance userspace schedutil",
              const std::string& table = "1500000 1000000 500000 2000000\n", long low = 500000, long high = 2000000) {
    const std::string folder = "policy" + std::to_string(number) + "/";
    fs::create_directories(root_ / folder);
    write(folder + "scaling_available_governors", governors);
    write(folder + "scaling_governor", "schedutil");
    write(folder + "scaling_setspeed", "<unsupported>");
    write(folder + "scaling_min_freq", std::to_string(low));
    write(folder + "scaling_max_freq", std::to_string(high));
    if (!table.empty()) write(folder + "scaling_available_frequencies", table);
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(root_ / name) << text << "\n"; }
  std::string read(const std::string& name) const {
    std::ifstream file(root_ / name);
    std::string text;
    std::getline(file, text);
    return text;
  }
  // Cannot be opened for writing, by root neither.
  void block(const std::string& name) {
    fs::remove(root_ / name);
    fs::create_directories(root_ / name);
  }
  std::map<std::string, std::string> state() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      if (entry.is_regular_file()) {
        const std::string name = fs::relative(entry.path(), root_).string();
        all[name] = read(name);
      }
    return all;
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

// What was there is there again; what userspace control was told need not be (the kernel forgets it).
void check_restored(const FakeCpufreq& sysfs, std::map<std::string, std::string> before) {
  auto after = sysfs.state();
  for (auto* state : {&before, &after})
    std::erase_if(*state, [](const auto& entry) { return entry.first.ends_with("scaling_setspeed"); });
  CHECK(before == after);
}

}  // namespace

TEST_CASE("userspace control: levels in order, written when they change, put back at the end") {
  FakeCpufreq sysfs;
  sysfs.policy(0);
  sysfs.policy(4, "userspace", "300000 600000 1200000", 300000, 1200000);  // a cluster with another range
  const auto before = sysfs.state();
  {
    Cpufreq control(sysfs.root());
    CHECK(control.method() == "userspace");
    CHECK(control.mhz() == std::vector<double>{500, 1000, 1500, 2000});
    CHECK(control.level() == 3);
    CHECK(sysfs.read("policy0/scaling_governor") == "userspace");
    CHECK(sysfs.read("policy0/scaling_setspeed") == "2000000");
    control.set(1);
    CHECK(sysfs.read("policy0/scaling_setspeed") == "1000000");
    CHECK(sysfs.read("policy4/scaling_setspeed") == "600000");  // half of its highest
    sysfs.write("policy0/scaling_setspeed", "untouched");
    control.set(1);
    CHECK(sysfs.read("policy0/scaling_setspeed") == "untouched");
    control.set(2);
    CHECK(sysfs.read("policy4/scaling_setspeed") == "1200000");  // three quarters are 900000: rounded up
  }
  check_restored(sysfs, before);
}

TEST_CASE("limits, where there is no userspace governor; the state is put back when an exception passes") {
  FakeCpufreq sysfs;
  sysfs.policy(0, "performance powersave", "");
  const auto before = sysfs.state();
  try {
    Cpufreq control(sysfs.root());
    CHECK(control.method() == "limits");
    CHECK(control.mhz().size() == 8);
    CHECK(control.mhz().front() == 500);
    CHECK(control.mhz().back() == 2000);
    control.set(0);
    CHECK(sysfs.read("policy0/scaling_min_freq") == "500000");
    CHECK(sysfs.read("policy0/scaling_max_freq") == "500000");
    throw std::runtime_error("in the middle of a run");
  } catch (const std::runtime_error&) {
    check_restored(sysfs, before);
  }
}

TEST_CASE("odd tables of levels: what is no frequency within the limits is left out") {
  FakeCpufreq sysfs;
  sysfs.policy(0, "userspace", "2000000 x 500000 500000 9000000 -4 1e6 100 700000Hz");
  CHECK(Cpufreq(sysfs.root()).mhz() == std::vector<double>{500, 2000});
  sysfs.policy(0, "userspace", "nothing here");
  CHECK(Cpufreq(sysfs.root()).mhz().size() == 8);
  sysfs.policy(0, "userspace", "", 1000000, 1000000);
  CHECK(Cpufreq(sysfs.root()).mhz() == std::vector<double>{1000});
}

TEST_CASE("what cannot be controlled is refused, and left as it was") {
  FakeCpufreq sysfs;
  const auto refused = [&](const std::string& where) {
    CAPTURE(where);
    const auto before = sysfs.state();
    try {
      const Cpufreq control(sysfs.root());
      FAIL("took control");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.where().find(where) != std::string::npos);
      CHECK_FALSE(error.hint().empty());
    }
    check_restored(sysfs, before);
  };
  refused("dynexec-cpufreq");  // no policy at all
  sysfs.policy(0, "performance");
  sysfs.block("policy0/scaling_max_freq");
  refused("scaling_max_freq");
  fs::remove_all(sysfs.root() / "policy0");
  sysfs.policy(0);
  sysfs.block("policy0/scaling_setspeed");  // the governor can be changed, the speed cannot
  refused("scaling_setspeed");
  fs::remove_all(sysfs.root() / "policy0");
  sysfs.policy(0);
  sysfs.policy(1);
  sysfs.write("policy1/scaling_min_freq", "lots");
  refused("policy1/scaling_min_freq");
  CHECK_THROWS_AS(Cpufreq(sysfs.root() / "absent"), Error);
}

TEST_CASE("a file that disappears is an error of the run, and the rest is put back") {
  FakeCpufreq sysfs;
  sysfs.policy(0);
  sysfs.policy(1);
  Cpufreq control(sysfs.root());
  fs::remove(sysfs.root() / "policy0/scaling_setspeed");
  sysfs.block("policy0/scaling_setspeed");
  try {
    control.set(0);
    FAIL("wrote a folder");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
    CHECK(error.where().find("policy0/scaling_setspeed") != std::string::npos);
  }
  fs::remove_all(sysfs.root() / "policy0");
  try {
    control.restore();
    FAIL("put back what is gone");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
    CHECK(error.where().find("policy0") != std::string::npos);
  }
  CHECK(sysfs.read("policy1/scaling_governor") == "schedutil");
  control.restore();  // once is enough
}

TEST_CASE("after a change that failed on the way, the level before it is written again") {
  FakeCpufreq sysfs;
  sysfs.policy(0);
  sysfs.policy(1);
  Cpufreq control(sysfs.root());
  sysfs.block("policy1/scaling_setspeed");
  CHECK_THROWS_AS(control.set(0), Error);
  CHECK(sysfs.read("policy0/scaling_setspeed") == "500000");
  control.set(3);
  CHECK(sysfs.read("policy0/scaling_setspeed") == "2000000");
}
