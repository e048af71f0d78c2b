// Conditions on a finished run: the config's `expect:` block and the command line's --fail-if.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "measure/rows.hpp"

namespace dynexec {

// A run that breaks one of these fails. Figures are the ones that the table prints, not their intervals'
// ends.
struct Expectations {
  std::vector<std::string> equal_tokens;  // paths whose output must equal the baseline's in every row
  // By key of the block, such as "speedup_at_least", and path.
  std::map<std::string, std::map<std::string, double>> bounds;
};

// Reads `expect:` of the config's root; everything is optional. paths: the names of the experiment's paths.
// Throws Error(config) for a path that does not exist in equal_tokens; other unknown paths stay unread, for
// reject_unread.
Expectations read_expectations(const Node& root, const std::vector<std::string>& paths);

// One message for each expectation that the rows break or cannot show; empty: all hold.
std::vector<std::string> broken_expectations(const Expectations& expectations, std::span<const SummaryRow> rows);

// One --fail-if: COLUMN(PATH) OP NUMBER, for example `speedup(draft) < 1.5`. COLUMN is a numeric column of
// summary.csv, PATH a path or * for every path but the baseline, OP one of < <= > >= == !=.
struct Condition {
  std::string text;  // as given
  std::string column, path, op;
  double bound = 0;
};

// Throws Error(usage) with "did you mean" for an unknown column or path, and for anything that does not
// parse.
Condition parse_condition(const std::string& text, const std::vector<std::string>& paths);

// One message for each path for which the condition holds. A figure that is missing counts as holding, since
// nothing shows that it does not.
std::vector<std::string> held_conditions(const Condition& condition, std::span<const SummaryRow> rows);

}  // namespace dynexec
