#include <doctest/doctest.h>

#include "base/error.hpp"
#include "toy_profile.hpp"

using namespace dynexec;
using namespace dynexec_test;
using doctest::Approx;

namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

// The profile is refused at toy.yaml:LINE:COLUMN, with these words.
void check_refused(const std::string& yaml, const std::string& words) {
  CAPTURE(words);
  try {
    HardwareProfile::parse(yaml, "toy.yaml");
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    CHECK(error.where().find("toy.yaml:") == 0);
    CHECK_FALSE(error.hint().empty());
    CAPTURE(error.message());
    CHECK((error.message() + error.hint()).find(words) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("figures, levels and voltages are read") {
  const auto profile = profile_of(toy_yaml("1", toy_points("[400, 600, 1000]", "[0.7, 1.0]")));
  REQUIRE(profile->points);
  CHECK(profile->points->levels[1].volts == Approx(0.8));  // a third of the way from 0.7 to 1.0
  CHECK(profile->find_format("fp32")->mac_pj.value == 2);
  CHECK(profile->find_format("fp32")->mac_pj.source == "test");
  CHECK(profile->find_format("int8") == nullptr);
  CHECK(profile->memory.size() == 2);
  CHECK_FALSE(profile->cim);
  CHECK(profile_of(toy_yaml("1", toy_points("[1, 2, 3]", "[1, 2, 4]")))->points->levels[1].volts == 2);
  CHECK(profile_of(toy_yaml("1", toy_cim()))->cim->rows.value == 4);
}

TEST_CASE("what is wrong with a profile is said at its place") {
  const std::string good = toy_yaml("1", toy_points());
  check_refused(replaced(good, "mac_pJ: {value: 2, source: test}", "mac_pJ: 2"), "has no source");
  check_refused(replaced(good, "mac_pJ: {value: 2, source: test}", "mac_pJ: {value: 2}"), "source");
  check_refused(replaced(good, "mac_pJ: {value: 2, source: test}", "mac_pJ: {value: 2, source: ' '}"), "is empty");
  check_refused(replaced(good, "mac_pJ: {value: 2, source: test}", "mac_pJ: {value: -2, source: test}"),
                "out of range");
  check_refused(replaced(good, "mac_pJ: {value: 2, source: test}", "mac_pJ: {value: .nan, source: test}"), "");
  check_refused(replaced(good, "mac_pJ: {value: 2, source: test}", "mac_pJ: {value: 2, source: t, factor: 0.5}"),
                "factor");
  check_refused(replaced(good, "mac_pJ", "mac_pj"), "mac_pJ");
  check_refused(replaced(good, "utilisation: {value: 0.5", "utilisation: {value: 1.5"), "out of range");
  check_refused(replaced(good, "bits: {value: 32", "bits: {value: 7.5"), "whole number");
  check_refused(replaced(good, "bytes: {value: 1000", "bytes: {value: 1e10"), "larger");
  check_refused(replaced(good, "MHz: [500, 1000]", "MHz: [1000, 500]"), "ascending");
  check_refused(toy_yaml("1", toy_points("[1, 2, 3, 4]", "[1, 2, 3]")), "3 volts for 4");
  check_refused(toy_yaml("1", toy_points("[1, 2]", "[2, 1]")), "must not fall");
  check_refused(toy_yaml("1", toy_points("[]", "[2, 1]")), "no MHz");
  check_refused(toy_yaml("1", toy_points() + toy_cim()), "one operating point");
  check_refused(good + "colour: red\n", "colour");
  check_refused(toy_yaml("1", toy_cim("0.5")), "out of range");
}

TEST_CASE("shipped profiles are read, and no figure is without a source") {
  for (const char* name : kShippedProfiles) {
    CAPTURE(name);
    const auto profile = shipped(name);
    for (const FigureRow& row : figure_rows(*profile)) {
      CAPTURE(row.name);
      CHECK_FALSE(row.figure.source.empty());
      CHECK(row.figure.factor >= 1);
      // A figure of our own must say how far it may be off, unless it is a size that only bounds.
      if (row.figure.source.find("our estimate") == 0 && row.unit != "B") CHECK(row.figure.factor > 1);
    }
  }
}
