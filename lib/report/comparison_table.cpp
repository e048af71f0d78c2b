#include "report/comparison_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace dynexec {
namespace {

using Tone = Cell::Tone;

std::string with_interval(const Interval& figure, int decimals, const char* unit) {
  if (std::isnan(figure.value)) return "";
  std::string text = fmt::format("{:.{}f}{}", figure.value, decimals, unit);
  if (!std::isnan(figure.low)) text += fmt::format(" [{:.{}f}, {:.{}f}]", figure.low, decimals, figure.high, decimals);
  return text;
}

Tone tone_of(const Interval& ratio) {
  return ratio.low > 1 ? Tone::good : ratio.high < 1 ? Tone::bad : Tone::plain;
}

TextTable table_of(std::span<const ComparisonRow> rows) {
  const bool runs =
      std::any_of(rows.begin(), rows.end(), [](const ComparisonRow& row) { return row.run != row.reference_run; });
  const auto any = [&](Interval ComparisonRow::*figure) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const ComparisonRow& row) { return !std::isnan((row.*figure).value); });
  };
  const bool attributes = any(&ComparisonRow::attribute_accuracy_delta), frechet = any(&ComparisonRow::frechet_delta),
             evaluations = any(&ComparisonRow::evaluations_ratio);
  const bool energy = any(&ComparisonRow::energy_ratio), modelled = any(&ComparisonRow::modelled_energy_ratio);
  TextTable table{.columns = {{"path", true}}, .rows = {}};
  if (runs) table.columns.push_back({"run", true});
  for (const char* title : {"against", "speed-up", "total time", "p", "quality", "MACs"})
    table.columns.push_back({title, std::string_view(title) == "against"});
  if (attributes) table.columns.push_back({"attributes"});
  if (frechet) table.columns.push_back({"Fréchet"});
  if (evaluations) table.columns.push_back({"evaluations"});
  if (energy) table.columns.push_back({"energy"});
  if (modelled) table.columns.push_back({"modelled energy"});
  for (const ComparisonRow& row : rows) {
    std::vector<Cell> cells{{row.path}};
    if (runs) cells.push_back({row.run});
    cells.push_back({runs ? row.reference + " of " + row.reference_run : row.reference});
    cells.push_back({with_interval(row.latency_ratio, 2, "x"), tone_of(row.latency_ratio)});
    cells.push_back({with_interval(row.latency_ratio_total, 2, "x")});
    cells.push_back({std::isnan(row.mann_whitney_p) ? "" : fmt::format("{:.2g}", row.mann_whitney_p)});
    cells.push_back({with_interval(row.quality_delta, 3, "")});
    cells.push_back({with_interval(row.macs_ratio, 2, "x"), tone_of(row.macs_ratio)});
    if (attributes) cells.push_back({with_interval(row.attribute_accuracy_delta, 3, "")});
    if (frechet) cells.push_back({with_interval(row.frechet_delta, 2, "")});
    if (evaluations) cells.push_back({with_interval(row.evaluations_ratio, 2, "x"), tone_of(row.evaluations_ratio)});
    if (energy) cells.push_back({with_interval(row.energy_ratio, 2, "x")});
    if (modelled) cells.push_back({with_interval(row.modelled_energy_ratio, 2, "x")});
    table.rows.push_back(std::move(cells));
  }
  return table;
}

// Each note once, with the paths that it is about when it is not about all.
std::vector<std::string> notes_of(std::span<const ComparisonRow> rows) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> paths;
  for (const ComparisonRow& row : rows)
    for (const std::string& note : row.notes) {
      if (!paths.contains(note)) order.push_back(note);
      paths[note].push_back(row.path);
    }
  std::vector<std::string> notes;
  for (const std::string& note : order)
    notes.push_back(paths[note].size() == rows.size() ? note
                                                      : fmt::format("{}: {}", fmt::join(paths[note], ", "), note));
  return notes;
}

}  // namespace

std::string render_comparison(std::span<const ComparisonRow> rows, Format format, const TableStyle& style) {
  if (format == Format::json) return render_json(rows);
  if (format == Format::csv) {
    std::string text = csv_header<ComparisonRow>() + '\n';
    for (const ComparisonRow& row : rows) text += csv_line(row) + '\n';
    return text;
  }
  std::int64_t fewest = rows.empty() ? 0 : rows.front().samples, most = fewest;
  for (const ComparisonRow& row : rows) fewest = std::min(fewest, row.samples), most = std::max(most, row.samples);
  std::string text = fmt::format("{} paired samples; ratios over 1 are better; 95 % intervals in brackets\n\n",
                                 fewest == most ? std::to_string(most) : fmt::format("{} to {}", fewest, most));
  const TextTable table = table_of(rows);
  text += format == Format::md ? render_markdown_table(table) : render_text_table(table, style);
  const std::vector<std::string> notes = notes_of(rows);
  if (!notes.empty()) text += '\n';
  for (const std::string& note : notes) text += (format == Format::md ? "- " : "") + note + '\n';
  return text;
}

}  // namespace dynexec
