// The pieces of the printed summary, for render_summary and for reports that arrange them differently.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "measure/rows.hpp"
#include "report/table.hpp"

namespace dynexec {

// rows[0] is the baseline. Columns that are empty for every path are left out.
TextTable summary_table(std::span<const SummaryRow> rows);

// "quickstart: 64 samples x 3 repetitions, 2 threads; 95 % intervals in brackets".
std::string summary_heading(std::span<const SummaryRow> rows);

// Reasons and remedies of invalid rows, numbered as in the table, then failed and disturbed rows.
std::vector<std::string> summary_notes(std::span<const SummaryRow> rows);

}  // namespace dynexec
