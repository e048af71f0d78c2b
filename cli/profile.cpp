// dynexec inspect of a hardware profile: every figure with its source, and what follows from them.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "cli/engine.hpp"
#include "measure/hardware/model.hpp"

namespace dynexec::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMacs = 1e9, kBytes = 1e6;

// What a given amount of arithmetic, and of bytes read, takes at a level.
struct Derived {
  std::string format, level;
  double gmacs_per_s = 0, pj_per_mac = 0, pj_per_byte = 0, watts = 0;
};

std::vector<Derived> derive(const std::shared_ptr<const HardwareProfile>& profile) {
  std::vector<Derived> all;
  for (const NumberFormat& format : profile->formats) {
    // Weights of unbounded size lie in the memory that holds everything.
    const HardwareModel model({.profile = profile, .format = format.name, .resident_bytes = 1e300});
    for (std::size_t level = 0; level < model.levels(); ++level) {
      const WorkCost macs = model.digital_cost({.macs = kMacs}, level);
      const WorkCost bytes = model.digital_cost({.activation_bytes = kBytes}, level);
      all.push_back({.format = format.name,
                     .level = profile->points ? fmt::format("{:g} MHz {:.3g} V", model.mhz(level),
                                                            profile->points->levels[level].volts)
                                              : "one level",
                     .gmacs_per_s = kMacs / macs.ms * 1e-6,
                     .pj_per_mac = macs.joules / kMacs * 1e12,
                     .pj_per_byte = bytes.joules / kBytes * 1e12,
                     .watts = macs.joules / macs.ms * 1e3});
    }
  }
  return all;
}

// A full array's product.
std::vector<std::pair<std::string, std::string>> array_lines(const CimFigures& cim) {
  const MatrixShape shape{cim.rows.value, std::floor(cim.cols.value / cim_slices(cim)), 1};
  const CimCost cost = cim_layer(cim, shape);
  const double arrays = std::floor(cim.capacity_cells.value / (cim.rows.value * cim.cols.value));
  return {{"energy of a full array's product", fmt::format("{:.3g} pJ/MAC", cost.joules / shape.macs() * 1e12)},
          {"of which converters", fmt::format("{:.0f} %", 100 * cost.adc_joules / cost.joules)},
          {"all arrays at work", fmt::format("{:.3g} TOPS", 2 * shape.macs() * arrays / cost.ms * 1e-9)}};
}

Json describe(const HardwareProfile& profile, const std::vector<Derived>& derived) {
  Json figures = Json::array(), levels = Json::array();
  for (const FigureRow& row : figure_rows(profile))
    figures.push_back({{"name", row.name},
                       {"value", row.figure.value},
                       {"unit", row.unit},
                       {"factor", row.figure.factor},
                       {"source", row.figure.source}});
  for (const Derived& d : derived)
    levels.push_back({{"dtype", d.format},
                      {"level", d.level},
                      {"gmac_per_s", d.gmacs_per_s},
                      {"pj_per_mac", d.pj_per_mac},
                      {"pj_per_byte", d.pj_per_byte},
                      {"watts", d.watts}});
  Json json{{"profile", profile.name}, {"source", profile.source}, {"figures", figures}, {"levels", levels}};
  if (profile.cim)
    for (const auto& [name, value] : array_lines(*profile.cim)) json["arrays"][name] = value;
  return json;
}

}  // namespace

int inspect_profile(const InspectArgs& args) {
  set_resource_root(resource_root());
  const auto profile = std::make_shared<const HardwareProfile>(HardwareProfile::load(resolve_path(args.path).string()));
  const std::vector<Derived> derived = derive(profile);
  const Format format = parse_format(args.format);
  if (format == Format::json) {
    print(describe(*profile, derived).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return 0;
  }
  TextTable figures{.columns = {{"figure", true}, {"value"}, {"unit", true}, {"within", true}, {"source", true}},
                    .rows = {}};
  for (const FigureRow& row : figure_rows(*profile))
    figures.rows.push_back({{row.name},
                            {fmt::format("{:.6g}", row.figure.value)},
                            {row.unit},
                            {row.figure.factor > 1 ? fmt::format("x/ {:g}", row.figure.factor) : ""},
                            {row.figure.source}});
  TextTable levels{.columns = {{"dtype", true}, {"level", true}, {"GMAC/s"}, {"pJ/MAC"}, {"pJ/byte"}, {"W"}},
                   .rows = {}};
  for (const Derived& d : derived)
    levels.rows.push_back({{d.format},
                           {d.level},
                           {fmt::format("{:.3g}", d.gmacs_per_s)},
                           {fmt::format("{:.3g}", d.pj_per_mac)},
                           {fmt::format("{:.3g}", d.pj_per_byte)},
                           {fmt::format("{:.3g}", d.watts)}});
  const auto render = [&](const TextTable& table) {
    return format == Format::md ? render_markdown_table(table) : render_text_table(table, stdout_style());
  };
  std::string text = profile->name + "\n" + profile->source + "\n\n" + render(figures) +
                     "\nWhat follows, static power and all switching included:\n\n" + render(levels);
  if (profile->cim)
    for (const auto& [name, value] : array_lines(*profile->cim)) text += name + ": " + value + "\n";
  print(text);
  return 0;
}

}  // namespace dynexec::cli
