// What a person or a script sees of a comparison.
#pragma once

#include <span>
#include <string>

#include "measure/comparison.hpp"
#include "report/table.hpp"

namespace dynexec {

// table and md: a line for each path, then its notes, each of which is told once. csv and json: every column.
std::string render_comparison(std::span<const ComparisonRow> rows, Format format, const TableStyle& style = {});

}  // namespace dynexec
