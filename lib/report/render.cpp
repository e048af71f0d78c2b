#include <nlohmann/json.hpp>

#include <array>

#include "base/error.hpp"
#include "report/csv.hpp"
#include "report/field_table.hpp"
#include "report/summary_table.hpp"
#include "report/table.hpp"

namespace dynexec {
namespace {

nlohmann::ordered_json to_json(const FieldValue& value) {
  return std::visit(
      [](const auto& held) -> nlohmann::ordered_json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) {
          return nullptr;
        } else {
          return held;  // a double that is not finite is written as null
        }
      },
      value);
}

std::string render_lines(const TextTable& table, std::span<const SummaryRow> rows, Format format,
                         const TableStyle& style) {
  std::string text;
  if (format == Format::md) {
    text = summary_heading(rows) + "\n\n" + render_markdown_table(table);
    const auto notes = summary_notes(rows);
    if (!notes.empty()) text += '\n';
    for (const auto& note : notes) text += "- " + note + '\n';
    return text;
  }
  text = summary_heading(rows) + "\n\n" + render_text_table(table, style);
  const auto notes = summary_notes(rows);
  if (!notes.empty()) text += '\n';
  for (const auto& note : notes) text += note + '\n';
  return text;
}

}  // namespace

Format parse_format(const std::string& name) {
  static const std::array<std::string, 4> kNames{"table", "csv", "json", "md"};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<Format>(i);
  const auto nearest = nearest_name(name, kNames);
  throw Error(ErrorKind::usage, "unknown format \"" + name + "\"", "--format",
              nearest.empty() ? "use table, csv, json or md" : "did you mean " + nearest + "?");
}

template <class Row>
std::string csv_header() {
  std::vector<std::string> names;
  for (const auto& field : field_table<Row>()) names.push_back(field.name);
  return csv_record(names);
}

template <class Row>
std::string csv_line(const Row& row) {
  std::vector<std::string> fields;
  for (const auto& field : field_table<Row>()) fields.push_back(field_text(field.get(row)));
  return csv_record(fields);
}

template <class Row>
std::string render_json(std::span<const Row> rows) {
  auto array = nlohmann::ordered_json::array();
  for (const auto& row : rows) {
    nlohmann::ordered_json object;
    for (const auto& field : field_table<Row>()) object[field.name] = to_json(field.get(row));
    array.push_back(std::move(object));
  }
  return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string render_summary(std::span<const SummaryRow> rows, Format format, const TableStyle& style) {
  if (format == Format::json) return render_json(rows);
  if (format == Format::csv) {
    std::string text = csv_header<SummaryRow>() + '\n';
    for (const auto& row : rows) text += csv_line(row) + '\n';
    return text;
  }
  return render_lines(summary_table(rows), rows, format, style);
}

template std::string csv_header<SampleRow>();
template std::string csv_header<SummaryRow>();
template std::string csv_line(const SampleRow&);
template std::string csv_line(const SummaryRow&);
template std::string render_json(std::span<const SampleRow>);
template std::string render_json(std::span<const SummaryRow>);
template std::string csv_header<TuneRow>();
template std::string csv_line(const TuneRow&);
template std::string render_json(std::span<const TuneRow>);
template std::string csv_header<ComparisonRow>();
template std::string csv_line(const ComparisonRow&);
template std::string render_json(std::span<const ComparisonRow>);

}  // namespace dynexec
