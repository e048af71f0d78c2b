#include "report/field_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "report/row_reader.hpp"
#include "rows_fixture.hpp"

using namespace dynexec;

namespace {

template <class Row>
std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& field : field_table<Row>()) result.push_back(field.name);
  return result;
}

// Every value as text into a fresh row and out again.
template <class Row>
void check_round_trip(const Row& row) {
  Row copy;
  for (const auto& field : field_table<Row>()) field.set(copy, parse_field(field, field_text(field.get(row)), "test"));
  for (const auto& field : field_table<Row>()) {
    CAPTURE(field.name);
    CHECK(field_text(field.get(copy)) == field_text(field.get(row)));
  }
}

}  // namespace

TEST_CASE("both tables begin with schema_version, name each column once and explain it") {
  const auto check = [](auto table) {
    REQUIRE(!table.empty());
    CHECK(table[0].name == "schema_version");
    std::set<std::string> seen;
    for (const auto& field : table) {
      CAPTURE(field.name);
      CHECK(seen.insert(field.name).second);
      CHECK(!field.meaning.empty());
      CHECK(field.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
      if (field.unit == "ms") CHECK(field.name.find("_ms") != std::string::npos);
      if (field.unit == "MB") CHECK(field.name.find("_mb") != std::string::npos);
    }
  };
  check(field_table<SampleRow>());
  check(field_table<SummaryRow>());
}

TEST_CASE("the columns that users rely on are there") {
  const auto has = [](const std::vector<std::string>& all, std::initializer_list<const char*> wanted) {
    const std::set<std::string> set(all.begin(), all.end());
    for (const char* name : wanted) {
      CAPTURE(name);
      CHECK(set.count(name) == 1);
    }
  };
  has(names<SampleRow>(), {"config", "path", "sample", "repetition", "seed", "latency_ms", "cpu_ms", "ttft_ms",
                           "tpot_ms", "tokens", "quality", "disturbed", "error", "psnr_db", "feature_distance",
                           "attribute_accuracy", "steps", "evaluations", "reused_evaluations"});
  has(names<SummaryRow>(), {"path",
                            "method",
                            "samples",
                            "repetitions",
                            "latency_ms_mean",
                            "latency_ms_mean_ci_low",
                            "latency_ms_mean_ci_high",
                            "latency_ms_median",
                            "latency_ms_median_ci_low",
                            "latency_ms_p90",
                            "latency_ms_p90_ci_high",
                            "latency_ms_p99",
                            "latency_ms_p99_ci_low",
                            "speedup",
                            "speedup_ci_low",
                            "speedup_ci_high",
                            "throughput_per_s",
                            "quality_metric",
                            "quality",
                            "quality_ci_low",
                            "quality_ci_high",
                            "quality_delta",
                            "quality_delta_ci_low",
                            "quality_delta_ci_high",
                            "macs_mean",
                            "weight_mb_read_mean",
                            "tokens_per_target_pass",
                            "acceptance_rate",
                            "peak_rss_mb",
                            "disturbed_rows",
                            "psnr_db_mean",
                            "psnr_db_mean_ci_low",
                            "feature_distance_mean",
                            "feature_distance_mean_ci_high",
                            "attribute_accuracy",
                            "attribute_accuracy_ci_low",
                            "attribute_accuracy_delta",
                            "attribute_accuracy_delta_ci_high",
                            "frechet",
                            "frechet_ci_low",
                            "frechet_delta",
                            "frechet_delta_ci_high",
                            "steps_mean",
                            "evaluations_mean"});
}

TEST_CASE("rows survive the way through text, bit by bit") {
  check_round_trip(fixture::sample_row());
  check_round_trip(SampleRow{});
  SampleRow picture = fixture::sample_row();
  picture.sampling = {20, 41, 0};
  picture.psnr_db = std::numeric_limits<double>::infinity();  // equal pictures
  picture.feature_distance = 1.0 / 3;
  picture.attribute_accuracy = 0.75;
  check_round_trip(picture);
  CHECK(field_text(find_field<SampleRow>("evaluations")->get(picture)) == "41");
  CHECK(field_text(find_field<SampleRow>("reused_evaluations")->get(picture)) == "0");
  CHECK(field_text(find_field<SampleRow>("reused_evaluations")->get(SampleRow{})) == "");
  SummaryRow row = fixture::summary_row("a, \"b\"", 2.5);
  row.valid = false;
  row.invalid_reasons = {"too few repetitions: set repetitions: 3", "debug build: configure with the release preset"};
  check_round_trip(row);

  RandomStream random(7, 0, 0, 0);
  for (int i = 0; i < 1000; ++i) {
    SampleRow fuzzy = fixture::sample_row();
    fuzzy.latency_ms = std::ldexp(random.uniform(), static_cast<int>(random.below(600)) - 300);
    const auto* field = find_field<SampleRow>("latency_ms");
    SampleRow copy;
    field->set(copy, parse_field(*field, field_text(field->get(fuzzy)), "test"));
    CHECK(copy.latency_ms == fuzzy.latency_ms);
  }
}

TEST_CASE("missing is empty and never zero; flags are 0 and 1; doubles are as short as can be") {
  SampleRow row = fixture::sample_row();
  const auto text = [&](const char* name) { return field_text(find_field<SampleRow>(name)->get(row)); };
  CHECK(text("latency_ms") == "0.1");
  CHECK(text("cpu_ms") == "1e-07");
  CHECK(text("tpot_ms") == "");
  CHECK(text("disturbed") == "1");
  CHECK(text("equal_to_baseline") == "0");
  CHECK(text("seed") == "18446744073709551615");
  row.equal_to_baseline.reset();
  row.first_mismatch = -1;
  CHECK(text("equal_to_baseline") == "");
  CHECK(text("first_mismatch") == "");
  row.latency_ms = std::numeric_limits<double>::infinity();
  CHECK(text("latency_ms") == "inf");
}

TEST_CASE("a failed sample has no figures, but says which sample it was and why") {
  SampleRow row = fixture::sample_row(5);
  row.error = "out of memory";
  const auto text = [&](const char* name) { return field_text(find_field<SampleRow>(name)->get(row)); };
  for (const char* figure : {"latency_ms", "tokens", "macs", "quality", "disturbed", "output_hash"}) {
    CAPTURE(figure);
    CHECK(text(figure) == "");
  }
  CHECK(text("sample") == "5");
  CHECK(text("repetition") == "0");
  CHECK(text("error") == "out of memory");
}

TEST_CASE("text that is not of a column's type is refused with its place") {
  const auto refuses = [](const char* name, const char* text) {
    CAPTURE(name);
    CAPTURE(text);
    try {
      parse_field(*find_field<SampleRow>(name), text, "samples.csv:7");
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      CHECK(error.where() == "samples.csv:7");
      CHECK(error.message().find(name) != std::string::npos);
    }
  };
  refuses("latency_ms", "fast");
  refuses("latency_ms", "1.5ms");
  refuses("tokens", "1.5");
  refuses("tokens", "99999999999999999999");
  refuses("seed", "-1");
  refuses("disturbed", "yes");
}

TEST_CASE("rows of another schema and numbers out of range are refused") {
  SampleRow row;
  const auto* version = find_field<SampleRow>("schema_version");
  CHECK_THROWS_AS(version->set(row, parse_field(*version, "999", "test")), Error);
  const auto* threads = find_field<SampleRow>("threads");
  CHECK_THROWS_AS(threads->set(row, parse_field(*threads, "99999999999", "test")), Error);
}

TEST_CASE("rows of other versions are read by the names of their columns") {
  const std::string text = "schema_version,path,of_tomorrow,latency_ms,sample\n1,draft,7,2.5,3\n";
  const auto rows = read_rows_by_name<SampleRow>(text, "old.csv", {"path", "latency_ms"});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].path == "draft");
  CHECK(rows[0].latency_ms == 2.5);
  CHECK(rows[0].sample == 3);
  CHECK(std::isnan(rows[0].quality));
  CHECK_THROWS_AS(read_rows_by_name<SampleRow>(text, "old.csv", {"path", "error"}), Error);
  const std::string later = "schema_version,path\n2,draft\n";
  CHECK_THROWS_AS(read_rows_by_name<SampleRow>(later, "new.csv", {"path"}), Error);
}
