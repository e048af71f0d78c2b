// The table that `bench` ends with: the columns that matter for a decision, then what to know before quoting
// them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "report/summary_table.hpp"

namespace dynexec {
namespace {

using Tone = Cell::Tone;

// Three significant digits without an exponent: 0.123, 1.23, 12.3, 1234.
int decimals_of(double value) {
  const double size = std::abs(value);
  return size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
}

std::string figure(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "" : "inf";
  return fmt::format("{:.{}f}", value, decimals_of(value));
}

std::string ratio(double value) {
  return std::isnan(value) ? "" : fmt::format("{:.2f}x", value);
}

std::string percent(double share) {
  return std::isnan(share) ? "" : fmt::format("{:.3g} %", 100 * share);
}

std::string bracket(const Interval& interval, int decimals) {
  if (std::isnan(interval.low) || std::isnan(interval.high)) return "";
  return fmt::format(" [{:.{}f}, {:.{}f}]", interval.low, decimals, interval.high, decimals);
}

Cell speedup_cell(const SummaryRow& row, bool is_baseline) {
  if (std::isnan(row.speedup.value)) return {"", Tone::plain};
  if (is_baseline) return {"baseline", Tone::dim};
  const Tone tone = !row.valid               ? Tone::dim
                    : row.speedup.low > 1.0  ? Tone::good
                    : row.speedup.high < 1.0 ? Tone::bad
                                             : Tone::plain;
  return {ratio(row.speedup.value) + bracket(row.speedup, 2), tone};
}

Cell score_cell(const Interval& score) {
  if (std::isnan(score.value)) return {};
  return {fmt::format("{:.3f}", score.value) + bracket(score, 3), Tone::plain};
}

// Distances of feature vectors may be of any magnitude: as many decimals as the value itself is given.
Cell frechet_cell(const SummaryRow& row) {
  const Interval& distance = row.frechet;
  if (std::isnan(distance.value)) return {};
  return {figure(distance.value) + bracket(distance, decimals_of(distance.value)), Tone::plain};
}

Cell delta_cell(const SummaryRow& row) {
  if (std::isnan(row.quality_delta.value)) return {row.quality_verdict, Tone::plain};
  const Tone tone = row.quality_verdict == "inferior"       ? Tone::bad
                    : row.quality_verdict == "non-inferior" ? Tone::good
                                                            : Tone::plain;
  // + 0.0 turns a rounded -0 into 0.
  const double delta = std::round(1000 * row.quality_delta.value) / 1000 + 0.0;
  return {fmt::format("{:+.3f} {}", delta, row.quality_verdict), tone};
}

Cell saving_cell(const SummaryRow& row) {
  const Interval& saving = row.modelled_energy_saving;
  if (std::isnan(saving.value)) return {};
  const std::string interval = std::isnan(saving.low) || std::isnan(saving.high)
                                   ? ""
                                   : fmt::format(" [{:.1f}, {:.1f}]", 100 * saving.low, 100 * saving.high);
  return {fmt::format("{:.1f} %", 100 * saving.value) + interval, Tone::plain};
}

// The metric's name in the title when all rows share it.
std::string quality_title(std::span<const SummaryRow> rows) {
  const auto& metric = rows[0].quality_metric;
  const bool shared = std::all_of(rows.begin(), rows.end(), [&](const auto& r) { return r.quality_metric == metric; });
  return metric.empty() || !shared ? "quality" : metric;
}

}  // namespace

TextTable summary_table(std::span<const SummaryRow> rows) {
  TextTable table;
  if (rows.empty()) return table;
  table.columns = {{"path", true},
                   {"speed-up"},
                   {"latency ms"},
                   {"ttft ms"},
                   {"tokens/s"},
                   {quality_title(rows)},
                   {"vs baseline", true},
                   {"attributes"},
                   {"frechet"},
                   {"same output"},
                   {"MACs saved"},
                   {"steps"},
                   {"evaluations"},
                   {"heads asked"},
                   {"forecasts hit"},
                   {"accepted"},
                   {"tokens/pass"},
                   {"predicted"},
                   {"oracle"},
                   {"bandwidth"},
                   {"modelled mJ"},
                   {"modelled saving"},
                   {"valid", true}};
  // Networks that are left early give one answer a sample, and their small weights stay in the caches.
  const bool exits =
      std::any_of(rows.begin(), rows.end(), [](const auto& row) { return !std::isnan(row.exit_depth_mean); });
  // A picture is one unit of output, whose pace the latency tells already.
  const bool pictures =
      std::any_of(rows.begin(), rows.end(), [](const auto& row) { return !std::isnan(row.evaluations_mean); });
  std::size_t note = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const bool is_baseline = i == 0;
    table.rows.push_back({
        {row.path, Tone::plain},
        speedup_cell(row, is_baseline),
        {figure(row.latency_ms_mean.value), Tone::plain},
        {figure(row.ttft_ms_mean), Tone::plain},
        {exits || pictures ? "" : figure(row.tokens_per_s), Tone::plain},
        score_cell(row.quality),
        is_baseline ? Cell{} : delta_cell(row),
        row.quality_metric == "attribute_accuracy" ? Cell{} : score_cell(row.attribute_accuracy),
        frechet_cell(row),
        {is_baseline ? "" : percent(row.equal_share), row.equal_share < 1 ? Tone::bad : Tone::plain},
        {(exits || pictures) && !is_baseline ? percent(1 - row.macs_mean / rows[0].macs_mean) : "", Tone::plain},
        {figure(row.steps_mean), Tone::plain},
        {figure(row.evaluations_mean), Tone::plain},
        {figure(row.exits_tested_mean), Tone::plain},
        {percent(row.forecast_accuracy), Tone::plain},
        {percent(row.acceptance_rate), Tone::plain},
        {pictures ? "" : figure(row.tokens_per_target_pass), Tone::plain},
        {is_baseline ? "" : ratio(row.predicted_speedup), Tone::plain},
        {is_baseline ? "" : ratio(row.oracle_speedup), Tone::plain},
        {exits ? "" : percent(row.bandwidth_share), Tone::plain},
        {figure(row.modelled_energy_j * 1e3), Tone::plain},
        saving_cell(row),
        row.valid ? Cell{"yes", Tone::plain} : Cell{fmt::format("NO ({})", ++note), Tone::bad},
    });
  }
  // A column that says nothing about any path is left out.
  for (std::size_t c = table.columns.size(); c-- > 0;) {
    const auto says_nothing = [c](const auto& row) { return row[c].text.empty(); };
    if (!std::all_of(table.rows.begin(), table.rows.end(), says_nothing)) continue;
    table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(c));
    for (auto& row : table.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
  }
  return table;
}

std::string summary_heading(std::span<const SummaryRow> rows) {
  if (rows.empty()) return "";
  const auto& first = rows[0];
  return fmt::format("{}: {} sample{} x {} repetition{}, {} thread{}; 95 % intervals in brackets", first.config,
                     first.samples, first.samples == 1 ? "" : "s", first.repetitions, first.repetitions == 1 ? "" : "s",
                     first.threads, first.threads == 1 ? "" : "s");
}

std::vector<std::string> summary_notes(std::span<const SummaryRow> rows) {
  std::vector<std::string> notes;
  std::size_t number = 0;
  for (const auto& row : rows) {
    if (row.valid) continue;
    ++number;
    if (row.invalid_reasons.empty()) notes.push_back(fmt::format("({}) {} is not valid", number, row.path));
    for (const auto& reason : row.invalid_reasons)
      notes.push_back(fmt::format("({}) {} is not valid: {}", number, row.path, reason));
  }
  // What the reasons above say already is not said twice.
  const auto is_told = [](const SummaryRow& row, const char* word) {
    return std::any_of(row.invalid_reasons.begin(), row.invalid_reasons.end(),
                       [word](const auto& reason) { return reason.find(word) != std::string::npos; });
  };
  for (const auto& row : rows)
    if (row.failed_rows > 0 && !is_told(row, "failed"))
      notes.push_back(fmt::format("{}: {} of {} rows failed and are in no figure; samples.csv has their errors",
                                  row.path, row.failed_rows, row.rows));
  for (const auto& row : rows)
    if (row.disturbed_rows > 0 && !is_told(row, "disturbed"))
      notes.push_back(fmt::format("{}: {} of {} rows were disturbed by other work on the machine", row.path,
                                  row.disturbed_rows, row.rows));
  return notes;
}

}  // namespace dynexec
