#include "experiments/early_exit/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace dynexec::early_exit {
namespace {

constexpr std::int64_t kMostExits = 1024;

PathOptions read_path(const Node& node) {
  PathOptions path{.node = node};
  path.name = node.get_string("name");
  const std::string method = node.get_choice("method", "early_exit", {"full", "early_exit", "static", "random"});
  if (method == "full") return path;
  if (method == "static") {
    path.method = Method::fixed;
    path.exit = node.get_int("exit");
    return path;
  }
  if (method == "random") {
    path.method = Method::random;
    path.like = node.get_string("like");
    return path;
  }
  path.method = Method::early_exit;
  path.rule.name = node.get_choice("rule", path.rule.name, rule_names());
  if (path.rule.name == "patience" || path.rule.name == "vote") {
    path.rule.patience = node.get_int(path.rule.name == "vote" ? "votes" : "patience", 2, 1, kMostExits);
    path.rule.threshold = 1;
  } else {
    path.rule.threshold = node.get_double("threshold", path.rule.threshold, 0, 1);
  }
  if (node.has("exits")) {
    path.tested = node.get_ints("exits", {});
  } else {
    path.start_exit = node.get_int("start_exit", 0, 0, kMostExits);
  }
  return path;
}

}  // namespace

std::string PathOptions::describe() const {
  switch (method) {
    case Method::full:
      return "the whole network";
    case Method::fixed:
      return fmt::format("always exit {}", exit);
    case Method::random:
      return fmt::format("exits as often as {}, at random", like);
    case Method::early_exit:
      break;
  }
  const bool counts = rule.name == "patience" || rule.name == "vote";
  std::string text = rule.name + (counts ? fmt::format("={}", rule.patience) : fmt::format(">={:g}", rule.threshold));
  if (!tested.empty()) return text + fmt::format(" at exits {}", fmt::join(tested, " "));
  return start_exit > 0 ? text + fmt::format(" from exit {}", start_exit) : text;
}

Options read_options(const Node& root) {
  Options options;
  options.network = root.at("model").get_string("network");
  options.calibration_ms = root.section("calibration").get_double("budget_ms", options.calibration_ms, 1, 1e6);
  std::set<std::string> names;
  const Node paths = root.at("paths");
  for (const Node& node : paths.items()) {
    options.paths.push_back(read_path(node));
    if (!names.insert(options.paths.back().name).second)
      node.at("name").fail("is used twice", "give every path a name of its own");
  }
  if (options.paths.empty() || options.paths.front().method != Method::full)
    paths.fail("must begin with the baseline, method full", "make {name: full, method: full} the first path");
  for (const PathOptions& path : options.paths) {
    const bool found = std::any_of(options.paths.begin(), options.paths.end(), [&](const PathOptions& other) {
      return other.name == path.like && other.method == Method::early_exit;
    });
    if (path.method == Method::random && !found)
      path.node.at("like").fail("names no early_exit path of this config", "name one of them");
  }
  return options;
}

}  // namespace dynexec::early_exit
