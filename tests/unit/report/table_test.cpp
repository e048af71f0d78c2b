#include "report/table.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.hpp"
#include "report/field_table.hpp"
#include "report/row_reader.hpp"
#include "rows_fixture.hpp"

using namespace dynexec;

namespace {

std::vector<SummaryRow> rows() {
  auto bad = fixture::summary_row("lookup", 0.8);
  bad.valid = false;
  bad.invalid_reasons = {"too few repetitions (1): set bench.repetitions to 3 or more"};
  bad.disturbed_rows = 7;
  bad.failed_rows = 2;
  bad.equal_share = 0.5;
  bad.quality_verdict = "inferior";
  return {fixture::baseline_row(), fixture::summary_row("draft", 2.31), bad};
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the table shows what a decision needs, and why a row may not be quoted") {
  const auto text = render_summary(rows(), Format::table, {0, false});
  CHECK(has(text, "quickstart: 64 samples x 3 repetitions, 2 threads"));
  CHECK(has(text, "2.31x [2.21, 2.41]"));
  CHECK(has(text, "0.844 [0.750, 0.920]"));
  CHECK(has(text, "+0.000 non-inferior"));
  CHECK(has(text, "81.2 %"));
  CHECK(has(text, "NO (1)"));
  CHECK(has(text, "(1) lookup is not valid: too few repetitions (1): set bench.repetitions to 3 or more"));
  CHECK(has(text, "lookup: 7 of 192 rows were disturbed"));
  CHECK(has(text, "lookup: 2 of 192 rows failed"));
  CHECK(!has(text, "\x1b"));
  CHECK(!has(text, "nan"));
  CHECK(!has(text, "oracle"));  // no path has one
}

TEST_CASE("networks that are left early show what was saved, not tokens") {
  auto all = rows();
  CHECK(!has(render_summary(all, Format::table, {0, false}), "MACs saved"));
  for (SummaryRow& row : all) {
    row.exit_depth_mean = row.exits_tested_mean = 1;
    row.macs_mean = 400;
  }
  all[1].macs_mean = 150;
  all[1].exits_tested_mean = 2.5;
  all[1].forecast_accuracy = 0.25;
  const auto text = render_summary(all, Format::table, {0, false});
  for (const char* part : {"MACs saved", "62.5 %", "heads asked", "2.50", "forecasts hit", "25 %"})
    CHECK(has(text, part));
  CHECK(!has(text, "tokens/s"));
  CHECK(!has(text, "bandwidth"));
}

TEST_CASE("paths that make pictures show evaluations, distances and attributes, not tokens") {
  auto all = rows();
  const auto plain = render_summary(all, Format::table, {0, false});
  for (const char* part : {"steps", "evaluations", "frechet", "attributes"}) CHECK(!has(plain, part));
  for (SummaryRow& row : all) {
    row.steps_mean = 30;
    row.evaluations_mean = 62;
    row.macs_mean = 400;
    row.frechet = {3.14159, 2.5, 4};
    row.attribute_accuracy = {0.875, 0.8, 0.95};
  }
  all[1].steps_mean = 12.25;
  all[1].evaluations_mean = 24.5;
  all[1].macs_mean = 150;
  all[2].frechet = {123.4, 100.6, 150.2};
  const auto text = render_summary(all, Format::table, {0, false});
  for (const char* part : {"MACs saved", "62.5 %", "steps", "12.2", "evaluations", "24.5", "62.0", "frechet",
                           "3.14 [2.50, 4.00]", "123 [101, 150]", "attributes", "0.875 [0.800, 0.950]"})
    CHECK(has(text, part));
  for (const char* part : {"tokens/s", "tokens/pass", "heads asked"}) CHECK(!has(text, part));
  for (SummaryRow& row : all) row.quality_metric = "attribute_accuracy";
  CHECK(!has(render_summary(all, Format::table, {0, false}), "attributes"));  // said by the quality's column
}

TEST_CASE("what makes a row invalid is not noted a second time") {
  auto all = rows();
  all[2].invalid_reasons = {"7 of 192 rows were disturbed by other work on the machine; run again"};
  const auto text = render_summary(all, Format::table, {0, false});
  const auto first = text.find("7 of 192 rows");
  CHECK(first != std::string::npos);
  CHECK(text.find("7 of 192 rows", first + 1) == std::string::npos);
}

TEST_CASE("columns line up") {
  const auto all = lines(render_summary(rows(), Format::table, {0, false}));
  const auto& head = all[2];
  const auto column_end = head.find("speed-up") + std::string("speed-up").size();
  CHECK(all[3].substr(0, column_end).ends_with("baseline"));
  CHECK(all[4].substr(0, column_end).ends_with("]"));
}

TEST_CASE("a narrow terminal gets stacked blocks with the same content, none wider than it") {
  const auto narrow = render_summary(rows(), Format::table, {60, false});
  std::size_t heads = 0;
  for (const auto& line : lines(narrow)) {
    if (line.starts_with("path ")) ++heads;
    if (line.find(": ") == std::string::npos) CHECK(line.size() <= 60);
  }
  CHECK(heads > 1);
  for (const char* part : {"2.31x [2.21, 2.41]", "tokens/pass", "+0.000 non-inferior", "predicted"})
    CHECK(has(narrow, part));
}

TEST_CASE("colour only when asked for") {
  const auto text = render_summary(rows(), Format::table, {0, true});
  CHECK(has(text, "\x1b[32m2.31x [2.21, 2.41]\x1b[0m"));
  CHECK(has(text, "\x1b[31mNO (1)\x1b[0m"));
}

TEST_CASE("a path's name cannot move the cursor or break Markdown") {
  auto all = rows();
  all[1].path = "a|b\x1b[2J\nc";
  CHECK(!has(render_summary(all, Format::table, {0, false}), "\x1b"));
  const auto md = render_summary(all, Format::md);
  CHECK(has(md, "a\\|b"));
  CHECK(!has(md, "\x1b"));
}

TEST_CASE("csv is summary.csv: header and rows read back") {
  const auto text = render_summary(rows(), Format::csv);
  const auto back = read_rows<SummaryRow>(text, "summary.csv", TornEnd::refuse);
  REQUIRE(back.size() == 3);
  CHECK(render_summary(back, Format::csv) == text);
  CHECK(back[2].invalid_reasons == rows()[2].invalid_reasons);
  CHECK(lines(text)[0].starts_with("schema_version,config,path,method"));
}

TEST_CASE("json has every column with its type") {
  auto all = rows();
  all[1].setting = "bytes \xff that are not UTF-8";
  const auto parsed = nlohmann::json::parse(render_summary(all, Format::json));
  REQUIRE(parsed.size() == 3);
  CHECK(parsed[1].size() == field_table<SummaryRow>().size());
  CHECK(parsed[1]["speedup"].get<double>() == 2.31);
  CHECK(parsed[0]["acceptance_rate"].is_null());
  CHECK(parsed[2]["valid"] == false);
  CHECK(parsed[2]["invalid_reasons"].is_array());
}

TEST_CASE("a run without rows renders") {
  CHECK(nlohmann::json::parse(render_summary({}, Format::json)).empty());
  CHECK(lines(render_summary({}, Format::csv)).size() == 1);
  CHECK_NOTHROW(render_summary({}, Format::table));
  CHECK_NOTHROW(render_summary({}, Format::md));
}

TEST_CASE("formats are known by name") {
  CHECK(parse_format("md") == Format::md);
  try {
    parse_format("jsn");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(error.hint().find("json") != std::string::npos);
  }
}
