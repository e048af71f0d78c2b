#include "measure/hardware/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "measure/hardware/profile_read.hpp"

namespace dynexec {
namespace profile_read {

double uncertainty(const Node& node) {
  return node.get_double("factor", 1, 1, 1000);
}

std::string words(const Node& parent, const std::string& key) {
  const std::string text = parent.get_string(key);
  if (text.find_first_not_of(" \t\n") == std::string::npos)
    parent.at(key).fail("is empty", "say in a few words where the figure comes from");
  return text;
}

Figure figure(const Node& parent, const std::string& key, const Range& range) {
  const Node node = parent.at(key);
  if (!node.is_map())
    node.fail("has no source", "write {value: 1, source: where it comes from, factor: how far it may be off}");
  Figure figure{.value = node.get_double("value")};
  if (!std::isfinite(figure.value) || figure.value < range.low || figure.value > range.high)
    node.at("value").fail(fmt::format("is {:g}, out of range", figure.value),
                          range.high < 1e300 ? fmt::format("use {:g} to {:g}", range.low, range.high)
                          : range.low > 0    ? "use a number above 0"
                                             : "use 0 or more");
  if (range.whole && figure.value != std::floor(figure.value))
    node.at("value").fail("is no whole number", "it is a count");
  figure.source = words(node, "source");
  figure.factor = uncertainty(node);
  return figure;
}

}  // namespace profile_read

namespace {

using namespace profile_read;

NumberFormat read_format(const std::string& name, const Node& node) {
  NumberFormat format;
  format.name = name;
  format.bits = figure(node, "bits", kBits);
  format.mac_pj = figure(node, "mac_pJ", kPositive);
  format.peak_ops = figure(node, "peak_ops", kPositive);
  format.utilisation = figure(node, "utilisation", kShare);
  return format;
}

std::vector<MemoryLevel> read_memory(const Node& list) {
  std::vector<MemoryLevel> levels;
  for (const Node& node : list.items()) {
    MemoryLevel level;
    level.name = words(node, "name");
    level.bytes = figure(node, "bytes", kPositive);
    level.read_pj_b = figure(node, "read_pJ_B", kNotNegative);
    level.write_pj_b = figure(node, "write_pJ_B", kNotNegative);
    level.gb_s = figure(node, "GB_s", kPositive);
    if (!levels.empty() && level.bytes.value <= levels.back().bytes.value)
      node.at("bytes").fail("is not larger than the level before", "list the levels from the smallest to the largest");
    levels.push_back(std::move(level));
  }
  if (levels.empty()) list.fail("is empty", "list at least the memory that holds the weights");
  return levels;
}

// V = V_min + (V_max - V_min) (f - f_min) / (f_max - f_min) where no table is known.
void interpolate_volts(const Node& node, std::vector<OperatingPoint>& levels) {
  const std::vector<double> ends = node.get_doubles("volts", {});
  const double low = levels.front().mhz, span = levels.back().mhz - low;
  for (OperatingPoint& level : levels)
    level.volts = span > 0 ? ends[0] + (ends[1] - ends[0]) * (level.mhz - low) / span : ends[1];
}

OperatingPoints read_points(const Node& node) {
  OperatingPoints points;
  const Node table = node.at("levels");
  points.source = words(table, "source");
  points.factor = uncertainty(table);
  for (const double mhz : table.get_doubles("MHz", {})) points.levels.push_back({mhz, 0});
  if (points.levels.empty()) table.fail("has no MHz", "list the frequencies: MHz: [500, 1000]");
  for (std::size_t i = 0; i < points.levels.size(); ++i) {
    const double mhz = points.levels[i].mhz;
    if (!std::isfinite(mhz) || mhz <= 0) table.at("MHz").fail("holds a frequency that is not above 0", "remove it");
    if (i > 0 && mhz <= points.levels[i - 1].mhz)
      table.at("MHz").fail("is not in ascending order", "list each frequency once, the lowest first");
  }
  const Node voltage = node.at("voltage");
  points.volts_source = words(voltage, "source");
  points.volts_factor = uncertainty(voltage);
  const std::vector<double> volts = voltage.get_doubles("volts", {});
  if (volts.size() == points.levels.size()) {
    for (std::size_t i = 0; i < volts.size(); ++i) points.levels[i].volts = volts[i];
  } else if (volts.size() == 2) {
    interpolate_volts(voltage, points.levels);
  } else {
    voltage.fail(fmt::format("has {} volts for {} frequencies", volts.size(), points.levels.size()),
                 "give one a frequency, or two: at the lowest and at the highest");
  }
  double before = 0;
  for (const OperatingPoint& level : points.levels) {
    if (!(level.volts > 0) || level.volts > 10 || level.volts < before)
      voltage.at("volts").fail("must be above 0 and must not fall with the frequency", "check the table");
    before = level.volts;
  }
  points.c_eff_nf = figure(node, "c_eff_nF", kNotNegative);
  points.switch_us = figure(node, "switch_us", kNotNegative);
  points.switch_uj = figure(node, "switch_uJ", kNotNegative);
  return points;
}

HardwareProfile read_profile(const Config& config) {
  const Node root = config.root();
  HardwareProfile profile;
  profile.name = words(root, "name");
  profile.source = words(root, "source");
  profile.node_nm = figure(root, "node_nm", kPositive);
  profile.vdd = figure(root, "vdd", kPositive);
  const Node formats = root.at("dtypes");
  for (const std::string& name : formats.keys()) profile.formats.push_back(read_format(name, formats.at(name)));
  if (profile.formats.empty()) formats.fail("is empty", "describe at least one number format, for example fp32");
  profile.memory = read_memory(root.at("memory"));
  profile.static_w = figure(root, "static_W", kNotNegative);
  if (const auto node = root.find("operating_points")) profile.points = read_points(*node);
  if (const auto node = root.find("cim")) profile.cim = cim(*node);
  if (profile.points && profile.cim)
    root.at("operating_points")
        .fail("stands beside cim", "analogue arrays have one operating point; remove one of them");
  config.reject_unread();
  return profile;
}

}  // namespace

HardwareProfile HardwareProfile::load(const std::string& path) {
  return read_profile(Config::load(path, {}));
}

HardwareProfile HardwareProfile::parse(const std::string& text, const std::string& name) {
  return read_profile(Config::parse(text, name, {}));
}

const NumberFormat* HardwareProfile::find_format(const std::string& format) const {
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& f) { return f.name == format; });
  return found == formats.end() ? nullptr : &*found;
}

std::vector<std::string> HardwareProfile::format_names() const {
  std::vector<std::string> names;
  for (const NumberFormat& format : formats) names.push_back(format.name);
  return names;
}

}  // namespace dynexec
