#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "measure/bootstrap.hpp"
#include "measure/statistics.hpp"
#include "measure/summary.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

// Two features of variance n / (n - 1) without covariance, for n divisible by 4.
std::vector<float> corner(std::int64_t sample) {
  return {sample % 2 ? 1.F : -1.F, sample / 2 % 2 ? 1.F : -1.F};
}

// Path "fast" has twice the spread along the first feature and lies one further along the second.
struct Pictures {
  explicit Pictures(std::int64_t samples, std::int64_t references = 52) {
    facts.paths = {{"base", "plain", "", false}, {"fast", "mock", "", false}};
    options.bootstrap_resamples = 200;
    for (std::int64_t sample = 0; sample < samples; ++sample)
      for (const std::int64_t repetition : {0, 1, 2})
        for (const char* path : {"base", "fast"}) {
          SampleRow row;
          row.path = path;
          row.sample = sample;
          row.repetition = repetition;
          row.latency_ms = 1;
          if (repetition == 0) row.features = corner(sample);
          if (repetition == 0 && row.path == "fast") row.features[0] *= 2, row.features[1] += 1;
          rows.push_back(row);
        }
    for (std::int64_t sample = 0; sample < references; ++sample)
      for (const float value : corner(sample)) facts.reference_features.push_back(value);
  }

  std::vector<SummaryRow> summarise() const { return dynexec::summarise(rows, options, facts); }
  // The path's rows of one sample fail.
  void fail(const std::string& path, std::int64_t sample) {
    for (SampleRow& row : rows)
      if (row.path == path && row.sample == sample) row.error = "boom", row.features.clear();
  }

  std::vector<SampleRow> rows;
  BenchOptions options;
  SummaryFacts facts;
};

bool is_missing(const Interval& figure) {
  return std::isnan(figure.value) && std::isnan(figure.low) && std::isnan(figure.high);
}

}  // namespace

TEST_CASE("Fréchet distances are those of the features, and differences are against the baseline") {
  const auto summary = Pictures(52).summarise();
  CHECK(summary[0].frechet.value == Approx(0));
  CHECK(is_missing(summary[0].frechet_delta));
  // The mean moved by 1; one standard deviation is sqrt(52 / 51) longer.
  const double expected = 1 + 52.0 / 51;
  CHECK(summary[1].frechet.value == Approx(expected));
  CHECK(summary[1].frechet.low < expected);
  CHECK(summary[1].frechet.high > expected);
  CHECK(summary[1].frechet_delta.value == Approx(expected));
  CHECK(summary[1].frechet_delta.low < expected);
  CHECK(summary[1].frechet_delta.high > expected);
}

TEST_CASE("a Fréchet distance is over the samples that path and baseline share") {
  Pictures pictures(54);
  pictures.fail("base", 52);
  pictures.fail("fast", 53);
  const auto summary = pictures.summarise();
  CHECK(summary[1].frechet.value == Approx(1 + 52.0 / 51));
  CHECK(summary[1].frechet_delta.value == Approx(1 + 52.0 / 51));
  CHECK(summary[0].frechet.value > 0);  // over 53, not quite in balance
}

TEST_CASE("no Fréchet distance without a reference, features or enough of both") {
  Pictures none(52);
  none.facts.reference_features.clear();
  CHECK(is_missing(none.summarise()[1].frechet));

  CHECK(is_missing(Pictures(48).summarise()[1].frechet));
  CHECK(is_missing(Pictures(52, 48).summarise()[1].frechet));
  CHECK_FALSE(is_missing(Pictures(50, 50).summarise()[1].frechet));

  Pictures plain(52);
  for (SampleRow& row : plain.rows)
    if (row.path == "fast") row.features.clear();
  CHECK_FALSE(is_missing(plain.summarise()[0].frechet));
  CHECK(is_missing(plain.summarise()[1].frechet));
  for (SampleRow& row : plain.rows) row.features.clear();
  CHECK(is_missing(plain.summarise()[0].frechet));
}

TEST_CASE("a feature that is not finite leaves no distance and makes its path invalid") {
  Pictures pictures(52);
  for (SampleRow& row : pictures.rows)
    if (row.path == "fast" && row.sample == 7 && row.repetition == 0)
      row.features[1] = std::numeric_limits<float>::infinity();
  const auto summary = pictures.summarise();
  CHECK_FALSE(is_missing(summary[0].frechet));
  CHECK(is_missing(summary[1].frechet));
  const auto says = [](const SummaryRow& row) {
    for (const std::string& reason : row.invalid_reasons)
      if (reason.find("not finite") != std::string::npos) return true;
    return false;
  };
  CHECK_FALSE(says(summary[0]));
  CHECK(says(summary[1]));
}

TEST_CASE("a task that contradicts itself is an error of the program") {
  Pictures uneven(52);
  uneven.facts.reference_features.pop_back();
  CHECK_THROWS_AS(uneven.summarise(), Error);
  Pictures wider(52);
  wider.rows[1].features.push_back(0);
  CHECK_THROWS_AS(wider.summarise(), Error);
}

TEST_CASE("steps, evaluations and likeness are means over samples; what is missing counts for nothing") {
  Pictures pictures(20);
  for (SampleRow& row : pictures.rows) {
    if (row.path == "base") continue;
    row.sampling.steps = row.sample % 2 ? 10 : 20;
    row.sampling.evaluations = 2 * row.sampling.steps + row.repetition;
    if (row.sample < 10) row.psnr_db = 20 + 2 * static_cast<double>(row.sample);
    row.feature_distance = 0.5 + 0.25 * static_cast<double>(row.repetition);
  }
  const auto summary = pictures.summarise();
  CHECK(summary[1].steps_mean == Approx(15));
  CHECK(summary[1].evaluations_mean == Approx(31));
  CHECK(summary[1].psnr_db_mean.value == Approx(29));
  // Ten samples from 20 to 38 by twos: their deviation is 6.06, that of their mean 1.82.
  CHECK(summary[1].psnr_db_mean.low == Approx(29 - 1.96 * 1.82).epsilon(0.03));
  CHECK(summary[1].psnr_db_mean.high == Approx(29 + 1.96 * 1.82).epsilon(0.03));
  CHECK(summary[1].feature_distance_mean.value == Approx(0.75));
  CHECK(std::isnan(summary[0].steps_mean));
  CHECK(std::isnan(summary[0].evaluations_mean));
  CHECK(is_missing(summary[0].psnr_db_mean));
  CHECK(is_missing(summary[0].feature_distance_mean));
  CHECK(is_missing(summary[1].attribute_accuracy));
  CHECK(is_missing(summary[1].attribute_accuracy_delta));
}

TEST_CASE("attribute accuracy has the intervals of a quality") {
  Pictures pictures(20);
  for (SampleRow& row : pictures.rows)
    row.attribute_accuracy = row.path == "base" ? 0.5 : row.sample % 4 == 0 ? 1 : 0.75;
  std::vector<double> deltas;
  for (int sample = 0; sample < 20; ++sample) deltas.push_back(sample % 4 == 0 ? 0.5 : 0.25);
  const auto graded = pictures.summarise();
  CHECK(graded[0].attribute_accuracy.value == Approx(0.5));
  CHECK(graded[1].attribute_accuracy.value == Approx(0.8125));
  const Interval delta = Bootstrap(20, pictures.options.bootstrap()).mean(deltas);
  CHECK(graded[1].attribute_accuracy_delta.value == Approx(0.3125));
  CHECK(graded[1].attribute_accuracy_delta.low == Approx(delta.low));
  CHECK(graded[1].attribute_accuracy_delta.high == Approx(delta.high));
  CHECK(is_missing(graded[0].attribute_accuracy_delta));

  for (SampleRow& row : pictures.rows) row.attribute_accuracy = row.sample % 4 ? 1 : 0;
  const auto binary = pictures.summarise();
  CHECK(binary[1].attribute_accuracy.low == Approx(wilson_interval(15, 20, 0.95).low));
  CHECK(binary[1].attribute_accuracy_delta.value == 0);
  CHECK(binary[1].attribute_accuracy_delta.low == Approx(paired_proportion_interval(0, 0, 20, 0.95).low));
}
