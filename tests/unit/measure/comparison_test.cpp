#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "measure/comparison.hpp"
#include "measure/statistics.hpp"

using namespace dynexec;

namespace {

// Sample s of path p in repetition r takes ms(s) / speed(p), a little more in later repetitions.
RunRows run(const std::string& name, const std::vector<std::pair<std::string, double>>& speeds, int samples = 12,
            int repetitions = 9, int first = 0) {
  RunRows rows{name, {}, {}};
  for (int repetition = 0; repetition < repetitions; ++repetition)
    for (int sample = 0; sample < samples; ++sample)
      for (const auto& [path, speed] : speeds) {
        SampleRow row;
        row.path = path;
        row.sample = sample;
        row.sample_id = "s" + std::to_string(first + sample);
        row.repetition = repetition;
        row.threads = 2;
        row.latency_ms = (10 + first + sample) / speed * (1 + 0.001 * repetition);
        row.cost.macs = 100 / speed;
        row.energy_profile = speed < 1 ? "other" : "chip";
        row.modelled_energy_j = (1 + sample) / speed;
        row.quality_metric = "accuracy";
        row.quality = (first + sample) % 4 == 0 && speed > 1 ? 0 : 1;
        row.attribute_accuracy = speed > 1 ? 0.25 : 0.75;
        if (speed >= 1) row.sampling.evaluations = 60 / static_cast<std::int64_t>(speed);
        rows.rows.push_back(row);
      }
  return rows;
}

}  // namespace

TEST_CASE("paths of a run against any of them") {
  const RunRows rows = run("a", {{"base", 1}, {"fast", 2}, {"slow", 0.5}});
  const auto against_base = compare_runs(rows, nullptr, "");
  REQUIRE(against_base.size() == 2);
  CHECK(against_base[0].path == "fast");
  CHECK(against_base[0].reference == "base");
  CHECK(against_base[0].samples == 12);
  CHECK(against_base[0].repetitions == 9);
  CHECK(against_base[0].latency_ratio.value == doctest::Approx(2));
  CHECK(against_base[0].latency_ratio.low == doctest::Approx(2));
  CHECK(against_base[0].latency_ratio_total.value == doctest::Approx(2));
  CHECK(against_base[0].macs_ratio.value == doctest::Approx(2));
  CHECK(against_base[0].macs_ratio.low == doctest::Approx(2));
  CHECK(std::isnan(against_base[0].energy_ratio.value));
  CHECK(against_base[0].modelled_energy_ratio.value == doctest::Approx(2));
  CHECK(against_base[0].evaluations_ratio.value == doctest::Approx(2));
  CHECK(against_base[0].evaluations_ratio.low == doctest::Approx(2));
  CHECK(std::isnan(against_base[1].evaluations_ratio.value));  // not counted
  CHECK(against_base[0].attribute_accuracy_delta.value == doctest::Approx(-0.5));
  CHECK(against_base[1].attribute_accuracy_delta.value == 0);
  // Three of twelve samples are lost.
  CHECK(against_base[0].quality_delta.value == doctest::Approx(-0.25));
  CHECK(against_base[0].quality_delta.low == paired_proportion_interval(0, 3, 12, 0.95).low);
  // Nine totals on either side that do not overlap: U = 81, z = (81 - 40.5 - 0.5) / sqrt(81 * 19 / 12).
  CHECK(against_base[0].mann_whitney_p == doctest::Approx(std::erfc(40 / std::sqrt(81 * 19 / 12.0) / std::sqrt(2.0))));
  CHECK(against_base[0].notes.empty());
  CHECK(against_base[1].latency_ratio.value == doctest::Approx(0.5));
  CHECK(std::isnan(against_base[1].modelled_energy_ratio.value));  // under another profile
  const auto against_fast = compare_runs(rows, nullptr, "fast");
  CHECK(against_fast[0].path == "base");
  CHECK(against_fast[1].latency_ratio.value == doctest::Approx(0.25));
}

TEST_CASE("two runs are matched by the ids of their samples") {
  const RunRows before = run("before", {{"base", 1}, {"fast", 2}, {"gone", 1}});
  const RunRows after = run("after", {{"base", 1}, {"fast", 3}, {"new", 4}}, 12, 9, 4);  // samples 4 to 15
  const auto same = compare_runs(before, &after, "");
  REQUIRE(same.size() == 2);
  CHECK(same[0].path == "base");
  CHECK(same[0].samples == 8);
  CHECK(same[0].latency_ratio.value == doctest::Approx(1));
  CHECK(same[1].run == "after");
  CHECK(same[1].reference_run == "before");
  CHECK(same[1].latency_ratio.value == doctest::Approx(1.5));
  const auto all = compare_runs(before, &after, "base");
  REQUIRE(all.size() == 5);  // fast and gone of the first, then base, fast and new of the second
  CHECK(all[4].path == "new");
  CHECK(all[4].latency_ratio.value == doctest::Approx(4));
}

TEST_CASE("Fréchet distances are compared where both runs keep the same reference") {
  const auto corner = [](std::int64_t sample) {
    return std::vector<float>{sample % 2 ? 1.F : -1.F, sample / 2 % 2 ? 1.F : -1.F};
  };
  RunRows rows = run("a", {{"base", 1}, {"fast", 2}, {"slow", 0.5}}, 52, 2);
  for (SampleRow& row : rows.rows) {
    if (row.repetition != 0) continue;
    row.features = corner(row.sample);
    if (row.path == "fast") row.features[1] += 1;  // the mean moves by one: a distance of one
    if (row.path == "slow") row.features[1] += 2;
  }
  CHECK(std::isnan(compare_runs(rows, nullptr, "")[0].frechet_delta.value));
  for (std::int64_t sample = 0; sample < 52; ++sample)
    for (const float value : corner(sample)) rows.reference_features.push_back(value);
  const BootstrapOptions few{.resamples = 200};
  const auto to_base = compare_runs(rows, nullptr, "", few), to_slow = compare_runs(rows, nullptr, "slow", few);
  CHECK(to_base[0].frechet_delta.value == doctest::Approx(1));
  CHECK(to_base[1].frechet_delta.value == doctest::Approx(4));
  CHECK(to_slow[0].frechet_delta.value == doctest::Approx(-4));
  CHECK(to_slow[1].frechet_delta.value == doctest::Approx(-3));
  CHECK(to_slow[1].frechet_delta.low < -3);
  CHECK(to_slow[1].frechet_delta.high > -3);

  RunRows other = run("b", {{"base", 1}}, 52, 2);
  for (SampleRow& row : other.rows)
    if (row.repetition == 0) row.features = corner(row.sample);
  other.reference_features = rows.reference_features;
  CHECK(compare_runs(rows, &other, "slow", few)[2].frechet_delta.value == doctest::Approx(-4));
  other.reference_features[0] = 0;  // distances to something else
  CHECK(std::isnan(compare_runs(rows, &other, "slow", few)[2].frechet_delta.value));
}

TEST_CASE("only chosen paths are compared, with the baseline and the reference beside them") {
  const auto names = [](const std::vector<ComparisonRow>& rows) {
    std::vector<std::string> found;
    for (const ComparisonRow& row : rows) found.push_back(row.path);
    return found;
  };
  const std::vector<std::string> slow{"slow"};
  RunRows rows = run("a", {{"base", 1}, {"fast", 2}, {"slow", 0.5}, {"other", 3}});
  keep_paths(rows, nullptr, {}, "");
  CHECK(names(compare_runs(rows, nullptr, "")) == std::vector<std::string>{"fast", "slow", "other"});
  keep_paths(rows, nullptr, slow, "fast");
  CHECK(names(compare_runs(rows, nullptr, "fast")) == std::vector<std::string>{"base", "slow"});
  keep_paths(rows, nullptr, slow, "");
  CHECK(names(compare_runs(rows, nullptr, "")) == slow);

  RunRows first = run("a", {{"base", 1}, {"slow", 0.5}}), second = run("b", {{"base", 1}, {"slow", 0.5}, {"new", 2}});
  keep_paths(first, &second, std::vector<std::string>{"new"}, "slow");
  CHECK(names(compare_runs(first, &second, "slow")) == std::vector<std::string>{"base", "base", "slow", "new"});
  CHECK_THROWS_AS(keep_paths(first, &second, std::vector<std::string>{"nw"}, ""), Error);
}

TEST_CASE("what stands in the way of quoting is noted") {
  RunRows rows = run("a", {{"base", 1}, {"fast", 2}}, 5, 3);
  rows.rows[1].error = "broken";
  for (SampleRow& row : rows.rows) row.disturbed = row.repetition == 0;
  const auto compared = compare_runs(rows, nullptr, "");
  REQUIRE(compared.size() == 1);
  CHECK(compared[0].repetitions == 2);  // the first is incomplete
  REQUIRE(compared[0].notes.size() == 4);
  CHECK(compared[0].notes[0].find("repetitions") != std::string::npos);
  CHECK(compared[0].notes[1].find("samples") != std::string::npos);
  CHECK(compared[0].notes[2].find("1 rows failed") != std::string::npos);
  CHECK(compared[0].notes[3].find("disturbed") != std::string::npos);
}

TEST_CASE("what cannot be compared is refused") {
  const RunRows rows = run("a", {{"base", 1}, {"fast", 2}}), single = run("b", {{"base", 1}}),
                others = run("c", {{"base", 1}}, 12, 9, 100), strange = run("d", {{"else", 1}});
  CHECK_THROWS_AS(compare_runs(rows, nullptr, "fasst"), Error);
  CHECK_THROWS_AS(compare_runs(single, nullptr, ""), Error);
  CHECK_THROWS_AS(compare_runs(rows, &others, ""), Error);
  CHECK_THROWS_AS(compare_runs(rows, &strange, ""), Error);
  CHECK_THROWS_AS(compare_runs({"e", {}, {}}, nullptr, ""), Error);
}
