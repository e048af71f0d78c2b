#include "config_test.hpp"

using namespace dynexec_test;

namespace {

// A reader of the shape that the tests' configs have.
void read_all(const Config& config) {
  const Node root = config.root();
  root.get_string("name", "x");
  root.section("sampling").get_double("temperature", 1.0);
  if (const auto paths = root.find("paths")) {
    for (const Node& path : paths->items()) {
      path.get_string("type", "baseline");
      path.get_int("length", 3);
    }
  }
}

void check_unknown(const std::string& text, const std::string& where, const std::string& key, const std::string& hint,
                   const std::vector<std::string>& overrides = {}) {
  const Config config = parse(text, overrides);
  read_all(config);
  check_error([&] { config.reject_unread(); }, where, "unknown key `" + key + "`", hint);
}

}  // namespace

TEST_CASE("a config whose keys are all read passes") {
  const Config config = parse("name: a\nsampling: {temperature: 0}\npaths: [{type: a, length: 2}, {}]\n");
  read_all(config);
  config.reject_unread();
}

TEST_CASE("a misspelt key is found where it stands") {
  check_unknown("nmae: a", "t.yaml:1:1", "nmae", "did you mean `name`?");
  check_unknown("name: a\npaths:\n- length: 1\n- {type: b, lenght: 4}\n", "t.yaml:4:13", "paths[1].lenght",
                "did you mean `length`?");
  check_unknown("ä: 1\nsampling: {\"é\": 1, temprature: 2}\n", "t.yaml:1:1", "ä", "known here: name, paths, sampling");
  check_unknown("sampling: {temperature: 1, \"é\": 2}\n", "t.yaml:1:28", "sampling.é", "known here: temperature",
                {"name=x"});
}

TEST_CASE("a key at the wrong level is told its level") {
  check_unknown("temperature: 1", "t.yaml:1:1", "temperature", "`temperature` belongs under `sampling`");
  check_unknown("sampling: {name: x}", "t.yaml:1:12", "sampling.name", "`name` belongs to the top level");
  check_unknown("sampling.temperature: 1", "t.yaml:1:1", "sampling.temperature",
                "in a file nested keys are written indented, one a line; only --set takes dotted paths");
  check_unknown("sampling: {extends: x.yaml}", "t.yaml:1:12", "sampling.extends",
                "`extends` works at the top level of a file only");
}

TEST_CASE("an override that nobody reads is named as it was given") {
  check_unknown("name: a", "--set sampling.temprature=1", "sampling.temprature", "did you mean `temperature`?",
                {"name=b", "sampling.temprature=1"});
  check_unknown("name: a", "--set smapling.temperature=1", "smapling", "did you mean `sampling`?",
                {"smapling.temperature=1"});
  check_unknown("paths: [{length: 1}]", "--set paths[0].lenght=1", "paths[0].lenght", "did you mean `length`?",
                {"paths[0].lenght=1"});
}

TEST_CASE("an unread key under something that was read") {
  const Config config = parse("name: {first: a}\n");
  config.root().at("name");
  check_error([&] { config.reject_unread(); }, "t.yaml:1:8", "unknown key `name.first`", "remove it");
}

TEST_CASE("asking is not reading") {
  const Config asked = parse("draft: x\nlist: [1]\n");
  asked.root().has("draft");
  check_error([&] { asked.reject_unread(); }, "t.yaml:1:1", "unknown key `draft`",
              "it has no effect together with the other settings here: remove it");
  asked.root().at("draft");  // a scalar's node is not its value
  CHECK_THROWS_AS(asked.reject_unread(), Error);
  asked.root().at("draft").as_string();
  asked.root().keys();
  check_error([&] { asked.reject_unread(); }, "t.yaml:2:1", "unknown key `list`", "known here: draft");
}
