#include "report/expect.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "rows_fixture.hpp"

using namespace dynexec;

namespace {

const std::vector<std::string> kPaths{"autoregressive", "draft", "lookup"};

std::vector<SummaryRow> rows() {
  return {fixture::baseline_row(), fixture::summary_row("draft", 2.31), fixture::summary_row("lookup", 1.2)};
}

Expectations expectations(const std::string& yaml) {
  const auto config = Config::parse(yaml, "test.yaml", {});
  const auto result = read_expectations(config.root(), kPaths);
  config.reject_unread();
  return result;
}

std::size_t held(const std::string& text) {
  return held_conditions(parse_condition(text, kPaths), rows()).size();
}

std::string usage_hint(const std::string& text) {
  try {
    parse_condition(text, kPaths);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.hint();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("expectations that hold give no message") {
  const auto expected = expectations(
      "expect:\n  equal_tokens: [draft, lookup]\n  quality_at_least: {draft: 0.8}\n"
      "  speedup_at_least: {draft: 2.0, lookup: 1.1}\n");
  CHECK(expected.equal_tokens.size() == 2);
  CHECK(broken_expectations(expected, rows()).empty());
  CHECK(broken_expectations(expectations("{}\n"), rows()).empty());
}

TEST_CASE("losses and savings against the baseline") {
  auto measured = rows();
  measured[0].macs_mean = 100;
  measured[1].macs_mean = 40;
  measured[1].quality_delta.value = -0.02;
  const auto messages = [&](const std::string& text) {
    return broken_expectations(expectations("expect: {" + text + "}\n"), measured);
  };
  CHECK(messages("quality_drop_at_most: {draft: 0.02}, macs_reduction_at_least: {draft: 0.6}").empty());
  const auto broken = messages("quality_drop_at_most: {draft: 0.01}, macs_reduction_at_least: {draft: 0.7, lookup: 0}");
  REQUIRE(broken.size() == 3);
  CHECK(broken[0] == "quality drop of draft is 0.02, expected at most 0.01");
  CHECK(broken[1] == "reduction of multiply-accumulates of draft is 0.6, expected at least 0.7");
  CHECK(broken[2].find("no figure") != std::string::npos);
}

TEST_CASE("bounds on pictures") {
  auto measured = rows();
  measured[1].attribute_accuracy = {0.75, 0.5, 0.875};
  measured[1].attribute_accuracy_delta.value = -0.125;
  measured[1].frechet = {12, 10, 14};
  measured[1].frechet_delta = {2, 1, 3};
  measured[1].evaluations_mean = 31.5;
  const auto messages = [&](const std::string& text) {
    return broken_expectations(expectations("expect: {" + text + "}\n"), measured);
  };
  CHECK(messages("attribute_accuracy_at_least: {draft: 0.75}, attribute_accuracy_drop_at_most: {draft: 0.125}, "
                 "frechet_at_most: {draft: 12}, frechet_rise_at_most: {draft: 2}, evaluations_at_most: {draft: 32}")
            .empty());
  const auto broken = messages(
      "attribute_accuracy_at_least: {draft: 0.8}, attribute_accuracy_drop_at_most: {draft: 0.1}, "
      "frechet_at_most: {draft: 11}, frechet_rise_at_most: {draft: 1}, evaluations_at_most: {draft: 31}");
  REQUIRE(broken.size() == 5);
  CHECK(broken[0] == "attribute accuracy of draft is 0.75 [0.5, 0.875], expected at least 0.8");
  CHECK(broken[1] == "drop of attribute accuracy of draft is 0.125, expected at most 0.1");
  CHECK(broken[2] == "Fréchet distance of draft is 12 [10, 14], expected at most 11");
  CHECK(broken[3] == "rise of the Fréchet distance of draft is 2 [1, 3], expected at most 1");
  CHECK(broken[4] == "mean of evaluations of draft is 31.5, expected at most 31");
  CHECK(messages("frechet_at_most: {lookup: 11}").size() == 1);  // no figure
}

TEST_CASE("each broken expectation is told with its figure") {
  auto measured = rows();
  measured[1].equal_share = 0.9;
  measured[2].failed_rows = 1;
  const auto broken =
      broken_expectations(expectations("expect:\n  equal_tokens: [draft, lookup]\n  quality_at_least: {lookup: 0.9}\n"
                                       "  speedup_at_least: {lookup: 1.5}\n"),
                          measured);
  REQUIRE(broken.size() == 4);
  CHECK(broken[0].find("90 %") != std::string::npos);
  CHECK(broken[1].find("1 of 192 rows of lookup failed") != std::string::npos);
  CHECK(broken[2].find("quality of lookup is 0.8438 [0.75, 0.92], expected at least 0.9") != std::string::npos);
  CHECK(broken[3].find("speed-up of lookup is 1.2 [1.1, 1.3], expected at least 1.5") != std::string::npos);
}

TEST_CASE("a figure that is missing breaks its expectation") {
  auto measured = rows();
  measured[1].equal_share = measured[1].speedup.value = kMissing;
  measured.pop_back();
  const auto broken = broken_expectations(
      expectations("expect: {equal_tokens: [draft], speedup_at_least: {draft: 1, lookup: 1}}\n"), measured);
  CHECK(broken.size() == 3);
}

TEST_CASE("misspelt paths and keys of expect are errors of the config") {
  CHECK_THROWS_AS(expectations("expect: {equal_tokens: [drat]}\n"), Error);
  CHECK_THROWS_AS(expectations("expect: {quality_at_least: {drat: 0.5}}\n"), Error);
  CHECK_THROWS_AS(expectations("expect: {quality_atleast: {draft: 0.5}}\n"), Error);
}

TEST_CASE("conditions compare the figures of summary.csv") {
  CHECK(held("speedup(draft) < 1.5") == 0);
  CHECK(held("speedup(lookup)<1.5") == 1);
  CHECK(held("speedup_ci_low(draft) >= 2.2") == 1);
  CHECK(held("speedup(*) > 1") == 2);
  CHECK(held(" quality_delta( draft ) < -0.02 ") == 0);
  CHECK(held("samples(draft) == 64") == 1);
  CHECK(held("samples(draft) != 64") == 0);
  CHECK(held("valid(draft) <= 0") == 0);
  CHECK(held("frechet_delta_ci_low(draft) > 0") == 1);  // missing
}

TEST_CASE("a condition on a missing figure counts as holding") {
  const auto messages = held_conditions(parse_condition("energy_j(draft) > 5", kPaths), rows());
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].find("no value") != std::string::npos);
  CHECK(held_conditions(parse_condition("speedup(draft) < 1", kPaths), {}).size() == 1);
}

TEST_CASE("conditions that cannot be are refused with a remedy") {
  CHECK(usage_hint("speedup(drafts) < 1") == "did you mean draft?");
  CHECK(usage_hint("speed_up(draft) < 1") == "did you mean speedup?");
  CHECK(usage_hint("setting(draft) < 1") != "accepted");
  CHECK(usage_hint("speedup < 1") != "accepted");
  CHECK(usage_hint("speedup(draft) ~ 1") != "accepted");
  CHECK(usage_hint("speedup(draft) < ") != "accepted");
  CHECK(usage_hint("speedup(draft) < 1x") != "accepted");
  CHECK(usage_hint("speedup(draft) < nan") != "accepted");
  CHECK(usage_hint("") != "accepted");
}
