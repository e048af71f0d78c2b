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

// fields[c]: what column c of the file is, null for a column that is passed over.
template <class Row>
std::vector<Row> parse_rows(const CsvTable& csv, const std::string& name,
                            const std::vector<const Field<Row>*>& fields) {
  std::vector<Row> rows;
  rows.reserve(csv.records.size());
  for (const auto& record : csv.records) {
    const std::string where = fmt::format("{}:{}", name, record.line);
    Row row;
    try {
      for (std::size_t c = 0; c < fields.size(); ++c)
        if (fields[c]) fields[c]->set(row, parse_field(*fields[c], record.fields[c], where));
    } catch (const Error& error) {
      if (!error.where().empty()) throw;
      throw Error(error.kind(), error.message(), where, error.hint());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

template <class Row>
std::vector<Row> read_rows(std::string_view text, const std::string& name, TornEnd torn_end) {
  const CsvTable csv = parse_csv(text, name, torn_end);
  check_header<Row>(csv.header, name);
  std::vector<const Field<Row>*> fields;
  for (const Field<Row>& field : field_table<Row>()) fields.push_back(&field);
  return parse_rows(csv, name, fields);
}

template <class Row>
std::vector<Row> read_rows_by_name(std::string_view text, const std::string& name,
                                   const std::vector<std::string>& required) {
  const CsvTable csv = parse_csv(text, name, TornEnd::refuse);
  for (const std::string& column : required)
    if (std::find(csv.header.begin(), csv.header.end(), column) == csv.header.end())
      throw Error(ErrorKind::data, fmt::format("there is no column {}", column), name + ":1",
                  "give a file that dynexec wrote");
  std::vector<const Field<Row>*> fields;
  for (const std::string& column : csv.header) fields.push_back(find_field<Row>(column));
  return parse_rows(csv, name, fields);
}

template <class Row>
std::vector<Row> read_row_file(const std::string& path) {
  return read_rows<Row>(read_file(path), path, TornEnd::refuse);
}

template std::vector<SampleRow> read_rows(std::string_view, const std::string&, TornEnd);
template std::vector<SummaryRow> read_rows(std::string_view, const std::string&, TornEnd);
template std::vector<SampleRow> read_rows_by_name(std::string_view, const std::string&,
                                                  const std::vector<std::string>&);
template std::vector<SampleRow> read_row_file(const std::string&);
template std::vector<SummaryRow> read_row_file(const std::string&);

}  // namespace dynexec
