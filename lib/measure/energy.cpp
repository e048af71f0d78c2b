#include "measure/energy.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <optional>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "measure/rows.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

std::optional<double> read_number(const fs::path& path) {
  std::ifstream file(path);
  double value = 0;
  if (!(file >> value) || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string read_word(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

class NoMeter : public EnergyMeter {
 public:
  explicit NoMeter(std::string reason) : reason_(std::move(reason)) {}
  std::string source() const override { return "unavailable"; }
  std::string reason() const override { return reason_; }
  double joules() override { return kMissing; }

 private:
  std::string reason_;
};

// One counter in microjoules that starts again at `range`.
struct Zone {
  fs::path counter;
  std::string name;
  double range = 0, last = 0;
};

class RaplMeter : public EnergyMeter {
 public:
  explicit RaplMeter(std::vector<Zone> zones) : zones_(std::move(zones)) {}

  std::string source() const override {
    std::set<std::string> names;
    for (const Zone& zone : zones_) names.insert(zone.name);
    std::string text = "rapl:";
    for (const std::string& name : names) text += (text.back() == ':' ? "" : "+") + name;
    return text;
  }
  std::string reason() const override { return ""; }

  double joules() override {
    for (Zone& zone : zones_) {
      const std::optional<double> now = read_number(zone.counter);
      if (!now) return kMissing;
      const double step = *now - zone.last;
      total_uj_ += step < 0 ? step + zone.range : step;
      zone.last = *now;
    }
    return total_uj_ * 1e-6;
  }

 private:
  std::vector<Zone> zones_;
  double total_uj_ = 0;
};

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

// "intel-rapl:0" is a package (or psys), "intel-rapl:0:1" a part of one. The MMIO interface (intel-rapl-mmio)
// shows the same packages again. AMD processors appear under the same names.
bool is_top_zone(const std::string& name) {
  return starts_with(name, "intel-rapl:") && std::count(name.begin(), name.end(), ':') == 1;
}

struct Found {
  std::vector<Zone> zones;
  std::string reason;  // why the zones cannot be used
};

void add_zone(const fs::path& folder, const std::string& name, Found& found) {
  const std::optional<double> range = read_number(folder / "max_energy_range_uj");
  const std::optional<double> now = read_number(folder / "energy_uj");
  if (!now || !range || *range <= 0) {
    found.reason = "cannot read " + (folder / "energy_uj").string() + " (most kernels let only root read it)";
    return;
  }
  found.zones.push_back({folder / "energy_uj", name, *range, *now});
}

Found find_zones(const fs::path& root) {
  Found found;
  std::error_code error;
  std::vector<fs::path> tops;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error))
    if (is_top_zone(entry->path().filename().string())) tops.push_back(entry->path());
  std::sort(tops.begin(), tops.end());
  for (const fs::path& top : tops) {
    const std::string name = read_word(top / "name");
    if (!starts_with(name, "package")) continue;
    add_zone(top, name, found);
    for (fs::directory_iterator entry(top, error), end; !error && entry != end; entry.increment(error))
      if (read_word(entry->path() / "name") == "dram") add_zone(entry->path(), "dram", found);
  }
  if (found.zones.empty() && found.reason.empty()) found.reason = "no RAPL package under " + root.string();
  return found;
}

}  // namespace

std::unique_ptr<EnergyMeter> make_energy_meter(const std::string& provider, const fs::path& root) {
  if (provider == "none") return std::make_unique<NoMeter>("switched off");
  if (provider != "auto" && provider != "rapl")
    throw Error(ErrorKind::config, "unknown energy provider '" + provider + "'", "bench.energy",
                "use auto, rapl or none");
  Found found = find_zones(root);
  if (found.reason.empty()) return std::make_unique<RaplMeter>(std::move(found.zones));
  if (provider == "rapl")
    throw Error(ErrorKind::config, "energy cannot be measured: " + found.reason, "bench.energy",
                "run as root on a machine with RAPL, or use energy: auto");
  return std::make_unique<NoMeter>(found.reason);
}

}  // namespace dynexec
