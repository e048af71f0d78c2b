#include "report/row_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "report/field_table.hpp"

namespace dynexec {
namespace {

template <class Row>
void check_header(const std::vector<std::string>& header, const std::string& name) {
  const auto table = field_table<Row>();
  const std::string hint = "it was written by another version of dynexec; measure again, or use that version";
  for (std::size_t c = 0; c < std::min(header.size(), table.size()); ++c)
    if (header[c] != table[c].name)
      throw Error(ErrorKind::data, fmt::format("column {} is \"{}\", expected {}", c + 1, header[c], table[c].name),
                  name + ":1", hint);
  if (header.size() != table.size())
    throw Error(ErrorKind::data, fmt::format("the header has {} columns, expected {}", header.size(), table.size()),
                name + ":1", hint);
}

}  // namespace

template <class Row>
std::vector<Row> read_rows(std::string_view text, const std::string& name, TornEnd torn_end) {
  const CsvTable csv = parse_csv(text, name, torn_end);
  check_header<Row>(csv.header, name);
  const auto table = field_table<Row>();
  std::vector<Row> rows;
  rows.reserve(csv.records.size());
  for (const auto& record : csv.records) {
    const std::string where = fmt::format("{}:{}", name, record.line);
    Row row;
    try {
      for (std::size_t c = 0; c < table.size(); ++c) table[c].set(row, parse_field(table[c], record.fields[c], where));
    } catch (const Error& error) {
      if (!error.where().empty()) throw;
      throw Error(error.kind(), error.message(), where, error.hint());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

template <class Row>
std::vector<Row> read_row_file(const std::string& path) {
  return read_rows<Row>(read_file(path), path, TornEnd::refuse);
}

template std::vector<SampleRow> read_rows(std::string_view, const std::string&, TornEnd);
template std::vector<SummaryRow> read_rows(std::string_view, const std::string&, TornEnd);
template std::vector<SampleRow> read_row_file(const std::string&);
template std::vector<SummaryRow> read_row_file(const std::string&);

}  // namespace dynexec
