#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "config/node.hpp"
#include "report/comparison_table.hpp"
#include "report/csv.hpp"
#include "report/tuning.hpp"

using namespace dynexec;

namespace {

TuneRow row(double value, double p, bool passed) {
  TuneRow row;
  row.config = "shapes";
  row.path = "sure";
  row.key = "threshold";
  row.value = value;
  row.samples = 400;
  row.test = "exact";
  row.quality_drop = 0.0025;
  row.lost = 2;
  row.gained = 1;
  row.p_value = p;
  row.passed = passed;
  row.speedup = {1.5, 1.4, 1.6};
  row.macs_reduction = 0.4;
  return row;
}

std::vector<TunedPath> tuned() {
  TunedPath sure{
      .path = "sure", .key = "threshold", .rows = {row(1, 0.01, true), row(0.9, 0.03, true), row(0.8, 0.2, false)}};
  sure.chosen = 1;
  sure.passed = true;
  sure.failed = 2;
  sure.rows[1].chosen = true;
  TunedPath unsure{.path = "un\nsure", .key = "threshold", .rows = {row(1, 0.2, false)}};
  unsure.failed = 0;
  unsure.samples_needed = 299;
  TunedPath draft{.path = "draft", .key = "length", .rows = {row(4, kMissing, true)}};
  draft.rows[0].passed.reset();
  draft.passed = true;
  return {sure, unsure, draft};
}

}  // namespace

TEST_CASE("a tuning as a table, and every setting as CSV and JSON") {
  const auto paths = tuned();
  const std::string table = render_tuning(paths, {}, Format::table, {.width = 0, .colour = false});
  for (const char* part : {"threshold 0.9", "0.8", "1.50x [1.40, 1.60]", "40.0 %", "(not passed)", "lossless"})
    CHECK_MESSAGE(table.find(part) != std::string::npos, part);
  const CsvTable csv = parse_csv(render_tuning(paths, {}, Format::csv), "out", TornEnd::refuse);
  CHECK(csv.records.size() == 5);
  const auto json = nlohmann::json::parse(render_tuning(paths, {}, Format::json));
  CHECK(json.size() == 5);
  CHECK(json[1]["chosen"] == true);
  CHECK(json[2]["passed"] == false);
  CHECK(json[4]["passed"].is_null());
}

TEST_CASE("the head of the tuned config says what was chosen and what was not") {
  const std::string head = tuning_comment(tuned(), {}, "shapes");
  for (const char* part :
       {"at most 0.01", "95 %", "sure threshold = 0.9: drop 0.0025 (2 lost, 1 gained of 400 samples)", "p 0.03",
        "0.8 did not pass", "none passed", "draft length = 4: lossless"})
    CHECK_MESSAGE(head.find(part) != std::string::npos, part);
  // Comments only, whatever names hold.
  CHECK(Config::parse(head + "a: 1\n", "head", {}).root().get_int("a") == 1);
}

TEST_CASE("why a path was not tuned") {
  auto paths = tuned();
  CHECK(why_untuned(paths[0], {}).empty());
  paths[1].rows[0].samples = 200;
  CHECK(why_untuned(paths[1], {}).find("it takes 299") != std::string::npos);
  paths[1].rows[0].samples = 400;
  CHECK(why_untuned(paths[1], {}).find("most careful setting") != std::string::npos);
}

TEST_CASE("a comparison shows the energy that it knows of") {
  ComparisonRow row;
  row.macs_ratio = {2, 1.5, 2.5};
  row.modelled_energy_ratio = {3, 2.9, 3.1};
  const std::vector<ComparisonRow> rows{row};
  const std::string table = render_comparison(rows, Format::table, {.width = 0, .colour = false});
  CHECK(table.find("2.00x [1.50, 2.50]") != std::string::npos);
  CHECK(table.find("modelled energy") != std::string::npos);
  CHECK(table.find("3.00x [2.90, 3.10]") != std::string::npos);
}

TEST_CASE("a comparison of pictures shows attributes and evaluations") {
  ComparisonRow row;
  std::vector<ComparisonRow> rows{row};
  const std::string plain = render_comparison(rows, Format::table, {.width = 0, .colour = false});
  CHECK(plain.find("attributes") == std::string::npos);
  CHECK(plain.find("evaluations") == std::string::npos);
  rows[0].attribute_accuracy_delta = {-0.125, -0.25, 0.0625};
  rows[0].evaluations_ratio = {4, 3.5, 4.5};
  const std::string table = render_comparison(rows, Format::table, {.width = 0, .colour = false});
  for (const char* part : {"attributes", "-0.125 [-0.250, 0.062]", "evaluations", "4.00x [3.50, 4.50]"})
    CHECK(table.find(part) != std::string::npos);
}

TEST_CASE("a comparison as a table tells every note once") {
  ComparisonRow first;
  first.run = first.reference_run = "a";
  first.path = "fast";
  first.reference = "base";
  first.samples = 12;
  first.latency_ratio = {2, 1.9, 2.1};
  first.notes = {"few repetitions"};
  ComparisonRow second = first;
  second.path = "slow";
  second.latency_ratio = {0.5, 0.4, 0.6};
  second.notes = {"few repetitions", "12 rows failed"};
  const std::vector<ComparisonRow> rows{first, second};
  const std::string table = render_comparison(rows, Format::table, {.width = 0, .colour = false});
  CHECK(table.find("2.00x [1.90, 2.10]") != std::string::npos);
  CHECK(table.find("few repetitions") == table.rfind("few repetitions"));
  CHECK(table.find("slow: 12 rows failed") != std::string::npos);
  CHECK(table.find("energy") == std::string::npos);
  CHECK(table.find("MACs") != std::string::npos);
  CHECK(nlohmann::json::parse(render_comparison(rows, Format::json)).size() == 2);
  CHECK(parse_csv(render_comparison(rows, Format::csv), "out", TornEnd::refuse).records.size() == 2);
}
