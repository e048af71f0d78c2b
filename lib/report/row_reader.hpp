// Rows of a samples.csv or summary.csv back from their text, through the field table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure/rows.hpp"
#include "report/csv.hpp"

namespace dynexec {

// The header must be exactly the field table's: Error(data) names the first column that differs. Every field
// is parsed as its column's type; errors carry name:line. With TornEnd::drop a last line that was cut off is
// left out.
template <class Row>
std::vector<Row> read_rows(std::string_view text, const std::string& name, TornEnd torn_end);

// The same by column names, for files of other versions: a column that the file lacks leaves its member as it is, and
// columns that this version does not know are passed over. Error(data) when one of `required` is absent.
template <class Row>
std::vector<Row> read_rows_by_name(std::string_view text, const std::string& name,
                                   const std::vector<std::string>& required);

// All rows of a finished file.
template <class Row>
std::vector<Row> read_row_file(const std::string& path);

}  // namespace dynexec
