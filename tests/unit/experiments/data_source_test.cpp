#include "experiments/data_source.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"

using namespace dynexec;

namespace {

std::int64_t start(const std::string& calibration, const DataSource& measured, const DataSource& own) {
  const Config config = Config::parse("a: 1\ncalibration: {files: [x]" + calibration + "}\n", "test.yaml", {});
  return calibration_start(config.root().at("calibration"), "files", measured, own, 10, 20, 5);
}

}  // namespace

TEST_CASE("calibration samples are never measured ones") {
  const DataSource one{{"aa"}}, other{{"bb"}}, both{{"aa", "bb"}};
  CHECK(start("", one, other) == 0);
  CHECK(start(", first: 12", one, other) == 12);
  // The same file: behind what is measured, or before it.
  CHECK(start("", one, one) == 30);
  CHECK(start(", first: 5", one, one) == 5);
  for (const char* inside : {", first: 6", ", first: 10", ", first: 29"})
    CHECK_THROWS_AS(start(inside, one, one), Error);
  CHECK_THROWS_AS(start("", one, both), Error);
}

TEST_CASE("a source is known by its content") {
  CHECK(DataSource{{"aa"}}.id("cifar10").starts_with("cifar10-"));
  CHECK(DataSource{{"aa"}}.id("x").size() == 10);
  CHECK(DataSource{{"aa"}}.id("x") != DataSource{{"bb"}}.id("x"));
}
