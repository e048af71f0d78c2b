#include <doctest/doctest.h>

#include "base/error.hpp"
#include "config/node.hpp"

using namespace dynexec;

namespace {

const char* const kText = "name: x\npaths:\n  - {name: full}\n  - {name: sure, threshold: 0.9}\n  - {name: votes}\n";

}  // namespace

TEST_CASE("items of a list are copied, changed and put in order") {
  const Config config = Config::parse(kText, "test.yaml", {});
  (void)config.root().get_string("name");
  config.root().at("paths").items()[1].get_int("depth", 7);
  const Config varied = config.with_items(
      "paths", {{0, {}}, {1, {"name='a b'", "threshold=0.5"}}, {1, {"threshold=0.25", "more.deep=3"}}});
  const std::vector<Node> items = varied.root().at("paths").items();
  REQUIRE(items.size() == 3);
  CHECK(items[0].get_string("name") == "full");
  CHECK(items[1].get_string("name") == "a b");
  CHECK(items[1].get_double("threshold") == 0.5);
  CHECK(items[2].get_string("name") == "sure");
  CHECK(items[2].at("more").get_int("deep") == 3);
  CHECK(items[1].place() == "test.yaml:4:5");
  CHECK(items[2].key_path() == "paths[2]");
  // What was read before is unread in the copy, and defaults are not carried over.
  CHECK_FALSE(items[1].has("depth"));
  CHECK_THROWS_AS(varied.reject_unread(), Error);
  CHECK(varied.root().get_string("name") == "x");
  varied.reject_unread();
  // The original is as it was.
  CHECK(config.root().at("paths").items().size() == 3);
  CHECK(config.root().at("paths").items()[1].get_double("threshold") == 0.9);
}

TEST_CASE("only lists have items, and an override must fit the item") {
  const Config config = Config::parse(kText, "test.yaml", {});
  CHECK_THROWS_AS(config.with_items("name", {{0, {}}}), Error);
  CHECK_THROWS_AS(config.with_items("absent", {{0, {}}}), Error);
  CHECK_THROWS_AS(config.with_items("paths", {{0, {"name.first=1"}}}), Error);
}
