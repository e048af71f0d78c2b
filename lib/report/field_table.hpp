// One table per row type: the single source of CSV headers, JSON keys, printed tables and README's column
// lists.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "measure/comparison.hpp"
#include "measure/rows.hpp"
#include "measure/tune.hpp"

namespace dynexec {

// Version of the columns below. Grows when a column is removed, renamed or changes its meaning; recorded in
// every row.
inline constexpr std::int64_t kSchemaVersion = 1;

enum class FieldType { text, integer, real, flag, list };

// monostate: missing (an empty CSV field, null in JSON).
using FieldValue =
    std::variant<std::monostate, std::string, std::int64_t, std::uint64_t, double, bool, std::vector<std::string>>;

template <class Row>
struct Field {
  std::string name;  // CSV column and JSON key; carries the unit where there is one
  std::string unit;  // "ms", "tokens", ...; "" for text, counts and ratios
  FieldType type;
  std::string meaning;  // one line
  FieldValue (*get)(const Row&);
  void (*set)(Row&, const FieldValue&);  // value is monostate or of the type that get returns
};

// The columns of samples.csv (SampleRow), of summary.csv (SummaryRow) and of what `dynexec tune` (TuneRow) and
// `dynexec compare` (ComparisonRow) print, in their order; the first is schema_version.
template <class Row>
std::span<const Field<Row>> field_table();
template <>
std::span<const Field<SampleRow>> field_table<SampleRow>();
template <>
std::span<const Field<SummaryRow>> field_table<SummaryRow>();
template <>
std::span<const Field<TuneRow>> field_table<TuneRow>();
template <>
std::span<const Field<ComparisonRow>> field_table<ComparisonRow>();

// The field of that name, nullptr when there is none.
template <class Row>
const Field<Row>* find_field(const std::string& name);

// CSV text of a value: "" for missing and NaN, 0/1 for flags, shortest digits that read back to the same
// double, lists joined by " | ". Not yet quoted.
std::string field_text(const FieldValue& value);

// The number behind a value: integers, reals and flags; NaN for missing, text and lists.
double field_number(const FieldValue& value);

// The value that `text` stands for. Throws Error(data) naming `where` when it is not of the field's type.
template <class Row>
FieldValue parse_field(const Field<Row>& field, const std::string& text, const std::string& where);

// "text", "integer", "real", "flag", "list".
const char* field_type_name(FieldType type);

// Names and types of all columns, one a line: part of a run's identity.
template <class Row>
std::string schema_text();

// The Markdown table of columns that README shows.
template <class Row>
std::string markdown_field_list();

}  // namespace dynexec
