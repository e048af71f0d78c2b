#include "report/tuning.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "base/text.hpp"

namespace dynexec {
namespace {

std::string number(double value, const char* form) {
  return std::isnan(value) ? "" : fmt::format(fmt::runtime(form), value);
}

std::string judged(const TuneRow& row) {
  return fmt::format("drop {:.4g} ({} lost, {} gained of {} samples), p {:.3g} ({})", row.quality_drop, row.lost,
                     row.gained, row.samples, row.p_value, row.test);
}

TextTable chosen_table(std::span<const TunedPath> paths) {
  TextTable table{.columns = {{"path", true},
                              {"setting", true},
                              {"quality drop"},
                              {"p"},
                              {"next", true},
                              {"its p"},
                              {"speed-up"},
                              {"MACs saved"}},
                  .rows = {}};
  for (const TunedPath& path : paths) {
    const TuneRow& row = path.rows[path.chosen];
    const TuneRow* next = path.failed ? &path.rows[*path.failed] : nullptr;
    const Cell::Tone tone = path.passed ? Cell::Tone::plain : Cell::Tone::bad;
    const std::string interval =
        std::isnan(row.speedup.low) ? "" : fmt::format(" [{:.2f}, {:.2f}]", row.speedup.low, row.speedup.high);
    table.rows.push_back({{path.path, tone},
                          {fmt::format("{} {:g}{}", path.key, row.value, path.passed ? "" : " (not passed)"), tone},
                          {number(row.quality_drop, "{:.4f}")},
                          {row.passed ? number(row.p_value, "{:.3g}") : "lossless"},
                          {next ? fmt::format("{:g}", next->value) : ""},
                          {next ? number(next->p_value, "{:.3g}") : ""},
                          {number(row.speedup.value, "{:.2f}x") + interval},
                          {number(100 * row.macs_reduction, "{:.1f} %")}});
  }
  return table;
}

}  // namespace

std::string why_untuned(const TunedPath& path, const TuneOptions& options) {
  if (path.passed) return "";
  const TuneRow& first = path.rows.front();
  if (!first.passed)
    return fmt::format("{}: every setting failed on some sample; run dynexec bench to see the errors", path.path);
  const std::string bound =
      fmt::format("a loss below {:g} with {:g} % confidence", options.max_quality_drop, 100 * options.confidence);
  if (first.samples < path.samples_needed)
    return fmt::format(
        "{}: {} calibration samples cannot show {}: even without any loss it takes {}; add calibration samples "
        "(calibration.samples), or allow a larger drop",
        path.path, first.samples, bound, path.samples_needed);
  return fmt::format(
      "{}: already {} {:g}, the most careful setting, does not show {}: {}; add calibration samples, or "
      "allow a larger drop",
      path.path, path.key, first.value, bound, judged(first));
}

std::string render_tuning(std::span<const TunedPath> paths, const TuneOptions& options, Format format,
                          const TableStyle& style) {
  std::vector<TuneRow> rows;
  for (const TunedPath& path : paths) rows.insert(rows.end(), path.rows.begin(), path.rows.end());
  if (format == Format::json) return render_json(std::span<const TuneRow>(rows));
  if (format == Format::csv) {
    std::string text = csv_header<TuneRow>() + '\n';
    for (const TuneRow& row : rows) text += csv_line(row) + '\n';
    return text;
  }
  const TextTable table = chosen_table(paths);
  const std::string heading =
      fmt::format("{}: loss below {:g} with {:g} % confidence for each path, on held-out calibration samples\n\n",
                  rows.empty() ? "" : rows.front().config, options.max_quality_drop, 100 * options.confidence);
  return heading + (format == Format::md ? render_markdown_table(table) : render_text_table(table, style));
}

std::string tuning_comment(std::span<const TunedPath> paths, const TuneOptions& options, const std::string& config) {
  std::string text = fmt::format("# {}, tuned by dynexec tune for a loss of at most {:g} with {:g} % confidence\n",
                                 escape_control(config), options.max_quality_drop, 100 * options.confidence);
  text += fmt::format("# Fastest by {}; settings were tested on calibration samples that no method learnt from.\n",
                      options.by == TuneBy::time ? "measured time" : "multiply-accumulates");
  for (const TunedPath& path : paths) {
    const TuneRow& row = path.rows[path.chosen];
    text += fmt::format("# tuned by: {} {} = {:g}", escape_control(path.path), path.key, row.value);
    if (!path.passed) text += " (the most careful setting; none passed)";
    text += row.passed ? ": " + judged(row) : fmt::format(": lossless, {} samples", row.samples);
    if (path.failed) {
      const TuneRow& next = path.rows[*path.failed];
      if (path.passed) text += fmt::format("; {:g} did not pass: {}", next.value, judged(next));
    }
    text += "\n";
  }
  return text;
}

}  // namespace dynexec
