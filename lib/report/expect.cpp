#include "report/expect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "report/field_table.hpp"

namespace dynexec {
namespace {

const SummaryRow* find_row(std::span<const SummaryRow> rows, const std::string& path) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.path == path; });
  return row == rows.end() ? nullptr : &*row;
}

std::string with_interval(const Interval& figure) {
  if (std::isnan(figure.low) || std::isnan(figure.high)) return fmt::format("{:.4g}", figure.value);
  return fmt::format("{:.4g} [{:.4g}, {:.4g}]", figure.value, figure.low, figure.high);
}

std::map<std::string, double> read_bounds(const Node& expect, const std::string& key,
                                          const std::vector<std::string>& paths) {
  std::map<std::string, double> bounds;
  if (const auto node = expect.find(key))
    for (const auto& path : paths)
      if (node->has(path)) bounds[path] = node->get_double(path);
  return bounds;
}

// A bound on a figure of a path. Losses are positive figures, so that a bound on them reads as what is allowed.
struct BoundKind {
  const char* key;
  const char* name;
  bool at_most;
  Interval (*figure)(const SummaryRow& baseline, const SummaryRow& row);
};

using Row = const SummaryRow&;
constexpr BoundKind kBounds[] = {
    {"quality_at_least", "quality", false, [](Row, Row row) { return row.quality; }},
    {"speedup_at_least", "speed-up", false, [](Row, Row row) { return row.speedup; }},
    {"quality_drop_at_most", "quality drop", true, [](Row, Row row) { return Interval{-row.quality_delta.value}; }},
    {"macs_reduction_at_least", "reduction of multiply-accumulates", false,
     [](Row baseline, Row row) { return Interval{1 - row.macs_mean / baseline.macs_mean}; }},
    {"attribute_accuracy_at_least", "attribute accuracy", false, [](Row, Row row) { return row.attribute_accuracy; }},
    {"attribute_accuracy_drop_at_most", "drop of attribute accuracy", true,
     [](Row, Row row) { return Interval{-row.attribute_accuracy_delta.value}; }},
    {"frechet_at_most", "Fréchet distance", true, [](Row, Row row) { return row.frechet; }},
    {"frechet_rise_at_most", "rise of the Fréchet distance", true, [](Row, Row row) { return row.frechet_delta; }},
    {"evaluations_at_most", "mean of evaluations", true, [](Row, Row row) { return Interval{row.evaluations_mean}; }},
};

void check_bound(const BoundKind& kind, const std::string& path, double bound, std::span<const SummaryRow> rows,
                 std::vector<std::string>& broken) {
  const auto* row = find_row(rows, path);
  const Interval figure = row ? kind.figure(rows.front(), *row) : Interval{};
  const std::string wanted = fmt::format("{} {:g}", kind.at_most ? "at most" : "at least", bound);
  if (std::isnan(figure.value)) {
    broken.push_back(
        fmt::format("{} of {} was expected to be {}, but the run has no figure for it", kind.name, path, wanted));
  } else if (kind.at_most ? figure.value > bound : figure.value < bound) {
    broken.push_back(fmt::format("{} of {} is {}, expected {}", kind.name, path, with_interval(figure), wanted));
  }
}

std::string trim(const std::string& text) {
  const auto from = text.find_first_not_of(" \t");
  if (from == std::string::npos) return "";
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

std::vector<std::string> numeric_columns() {
  std::vector<std::string> names;
  for (const auto& field : field_table<SummaryRow>())
    if (field.type != FieldType::text && field.type != FieldType::list) names.push_back(field.name);
  return names;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates,
                         const std::string& otherwise) {
  const auto nearest = nearest_name(word, candidates);
  return nearest.empty() ? otherwise : fmt::format("did you mean {}?", nearest);
}

bool holds(double value, const std::string& op, double bound) {
  if (op == "<") return value < bound;
  if (op == "<=") return value <= bound;
  if (op == ">") return value > bound;
  if (op == ">=") return value >= bound;
  return op == "==" ? value == bound : value != bound;
}

}  // namespace

Expectations read_expectations(const Node& root, const std::vector<std::string>& paths) {
  Expectations expectations;
  if (!root.has("expect")) return expectations;
  const Node expect = root.section("expect");
  expectations.equal_tokens = expect.get_strings("equal_tokens", {});
  for (const auto& path : expectations.equal_tokens)
    if (std::find(paths.begin(), paths.end(), path) == paths.end())
      expect.at("equal_tokens")
          .fail(fmt::format("there is no path named {}", path),
                did_you_mean(path, paths, fmt::format("paths of this config: {}", fmt::join(paths, ", "))));
  for (const BoundKind& kind : kBounds) expectations.bounds[kind.key] = read_bounds(expect, kind.key, paths);
  return expectations;
}

std::vector<std::string> broken_expectations(const Expectations& expectations, std::span<const SummaryRow> rows) {
  std::vector<std::string> broken;
  for (const auto& path : expectations.equal_tokens) {
    const auto* row = find_row(rows, path);
    if (!row || std::isnan(row->equal_share)) {
      broken.push_back(fmt::format("{} was expected to give the baseline's tokens, but was not compared", path));
    } else if (row->equal_share < 1) {
      broken.push_back(
          fmt::format("{} gives the baseline's tokens in {:.4g} % of its rows only; first_mismatch in "
                      "samples.csv says where",
                      path, 100 * row->equal_share));
    }
    if (row && row->failed_rows > 0)
      broken.push_back(fmt::format("{} of {} rows of {} failed, so equal tokens are not shown for them",
                                   row->failed_rows, row->rows, path));
  }
  for (const BoundKind& kind : kBounds)
    if (const auto bounds = expectations.bounds.find(kind.key); bounds != expectations.bounds.end())
      for (const auto& [path, bound] : bounds->second) check_bound(kind, path, bound, rows, broken);
  return broken;
}

Condition parse_condition(const std::string& text, const std::vector<std::string>& paths) {
  const auto fail = [&](const std::string& what, const std::string& hint) -> void {
    throw Error(ErrorKind::usage, what, fmt::format("--fail-if '{}'", text), hint);
  };
  const std::string form = "write COLUMN(PATH) OP NUMBER, for example 'speedup(draft) < 1.5'";
  Condition condition{text, "", "", "", 0};
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open)
    fail("the condition names no path in parentheses", form);
  condition.column = trim(text.substr(0, open));
  condition.path = trim(text.substr(open + 1, close - open - 1));
  const std::string rest = trim(text.substr(close + 1));
  condition.op = rest.substr(0, rest.find_first_not_of("<>=!"));
  static const std::vector<std::string> kOperators{"<", "<=", ">", ">=", "==", "!="};
  if (std::find(kOperators.begin(), kOperators.end(), condition.op) == kOperators.end())
    fail(fmt::format("\"{}\" is no comparison", condition.op), "use one of < <= > >= == !=");
  const std::string number = trim(rest.substr(condition.op.size()));
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), condition.bound);
  if (number.empty() || parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() ||
      !std::isfinite(condition.bound))
    fail(fmt::format("\"{}\" is no number", number), form);
  const auto columns = numeric_columns();
  if (std::find(columns.begin(), columns.end(), condition.column) == columns.end())
    fail(fmt::format("summary.csv has no numeric column \"{}\"", condition.column),
         did_you_mean(condition.column, columns, "README lists the columns of summary.csv"));
  if (condition.path != "*" && std::find(paths.begin(), paths.end(), condition.path) == paths.end())
    fail(fmt::format("there is no path named \"{}\"", condition.path),
         did_you_mean(condition.path, paths, fmt::format("paths of this config: {}", fmt::join(paths, ", "))));
  return condition;
}

std::vector<std::string> held_conditions(const Condition& condition, std::span<const SummaryRow> rows) {
  const auto* field = find_field<SummaryRow>(condition.column);
  std::vector<std::string> held;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (condition.path == "*" ? i == 0 : rows[i].path != condition.path) continue;
    const double value = field_number(field->get(rows[i]));
    if (std::isnan(value)) {
      held.push_back(fmt::format("{}: {} of {} has no value", condition.text, condition.column, rows[i].path));
    } else if (holds(value, condition.op, condition.bound)) {
      held.push_back(fmt::format("{}: {} of {} is {:.6g}", condition.text, condition.column, rows[i].path, value));
    }
  }
  if (condition.path != "*" && !find_row(rows, condition.path))
    held.push_back(fmt::format("{}: the run has no row for {}", condition.text, condition.path));
  return held;
}

}  // namespace dynexec
