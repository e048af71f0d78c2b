// Reasons why a summary row must not be quoted, each with its remedy. Private to the measure room.
#pragma once

#include <string>
#include <vector>

#include "measure/options.hpp"
#include "measure/summary.hpp"

namespace dynexec {

// What the checks need beside the summary row.
struct ValidityInput {
  const SummaryRow& row;
  const SummaryRow& baseline;        // of the same run; the row itself for the baseline
  std::string first_error;           // of the failed rows
  std::int64_t min_repetitions = 0;  // of the sample that has fewest
  bool non_finite = false;           // a measured figure is infinite, or a cost is not a number
};

std::vector<std::string> invalid_reasons(const ValidityInput& input, const BenchOptions& options,
                                         const SummaryFacts& facts);

}  // namespace dynexec
