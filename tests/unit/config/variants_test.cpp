#include <doctest/doctest.h>

#include "config/node.hpp"
#include "config/variants.hpp"

using namespace dynexec;

namespace {

const char* const kText = R"(name: x
paths:
  - {name: full}
  - name: "say \"hi\", {you}: [\\] # no"
    threshold: 0.9
    exits: [1, 2]
    more: {deep: {flag: true, text: "", nothing: "null"}}
  - {name: votes}
)";

}  // namespace

TEST_CASE("items of a list are copied, changed and put in order") {
  const Node paths = Config::parse(kText, "test.yaml", {}).root().at("paths");
  const std::string text = items_override(
      "paths", paths, {{0, {}}, {1, {{"name", "a 'b': \"c\\"}, {"threshold", "0.5"}}}, {1, {{"count", "3"}}}});
  const Config varied = Config::parse(kText, "test.yaml", {text});
  const std::vector<Node> items = varied.root().at("paths").items();
  REQUIRE(items.size() == 3);
  CHECK(items[0].get_string("name") == "full");
  CHECK(items[1].get_string("name") == "a 'b': \"c\\");
  CHECK(items[1].get_double("threshold") == 0.5);
  CHECK(items[1].get_ints("exits", {}) == std::vector<std::int64_t>{1, 2});
  CHECK(items[2].get_string("name") == "say \"hi\", {you}: [\\] # no");
  CHECK(items[2].get_double("threshold") == 0.9);
  CHECK(items[2].get_int("count") == 3);
  CHECK(items[2].at("more").at("deep").get_bool("flag"));
  CHECK(items[2].at("more").at("deep").get_string("text").empty());
  CHECK(items[2].at("more").at("deep").get_string("nothing") == "null");
  // Only what is read of a variant counts as read.
  (void)varied.root().get_string("name");
  CHECK_THROWS(varied.reject_unread());
}
