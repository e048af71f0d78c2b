#include "experiments/early_exit/options.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/weights_key.hpp"

namespace dynexec::early_exit {
namespace {

constexpr std::int64_t kMostExits = 1024;
constexpr std::int64_t kPricedBins = 24;
constexpr double kHighestBeta = 1e6;

Saving read_saving(const Node& node) {
  return node.get_choice("saving", "macs", {"macs", "time"}) == "time" ? Saving::time : Saving::macs;
}

void read_rule(const Node& node, const std::vector<std::string>& rules, RuleOptions& rule) {
  rule.name = node.get_choice("rule", rules.front(), rules);
  if (rule.name == "patience" || rule.name == "vote") {
    rule.patience = node.get_int(rule.name == "vote" ? "votes" : "patience", 2, 1, kMostExits);
    rule.threshold = 1;
    if (rule.name == "vote") rule.weighted = node.get_bool("weighted", false);
    return;
  }
  const bool logit = rule.name == "logit";
  rule.threshold = node.get_double("threshold", logit ? 6 : rule.threshold, 0, logit ? kHighestBeta : 1);
  if (rule.name == "gate") rule.ridge = node.get_double("ridge", rule.ridge, 1e-9, 1e9);
  if (logit) rule.floor = node.get_double("floor", rule.floor, 0, 1);
}

void read_early_exit(const Node& node, PathOptions& path) {
  read_rule(node, {"confidence", "entropy", "margin", "patience", "vote", "gate", "logit"}, path.rule);
  if (node.has("exits")) {
    path.tested = node.get_ints("exits", {});
    return;
  }
  const std::string placement = node.get_choice("placement", "every", {"every", "optimised", "search"});
  if (placement == "every") {
    path.start_exit = node.get_int("start_exit", 0, 0, kMostExits);
    return;
  }
  path.placement.kind = placement == "search" ? Placement::search : Placement::optimised;
  path.placement.saving = read_saving(node);
  if (placement == "optimised") path.placement.share = node.get_double("share", path.placement.share, 0, 1);
  if (path.rule.name == "patience" || path.rule.name == "vote")
    node.at("placement")
        .fail("needs a rule that does not look back, since it judges every exit by itself",
              "use confidence, entropy, margin, gate or logit, or list the exits");
}

void read_predictive(const Node& node, PathOptions& path) {
  path.engine.name = node.get_choice("engine", "convolution", {"convolution", "zero_hold", "first_hold", "learnt"});
  if (path.engine.name == "learnt") {
    if (node.has("price")) {
      path.plan.price = node.get_double("price", 1, 0, 1e9);
      path.rule.name = node.get_choice("rule", "gate", {"gate", "confidence", "entropy", "margin", "logit"});
    } else {
      read_rule(node, {"confidence", "entropy", "margin", "gate", "logit"}, path.rule);
    }
    // Where a price decides, the surest inputs of an exit need bins of their own.
    path.plan.bins = node.get_int("bins", path.plan.price ? kPricedBins : path.plan.bins, 1, 1000);
    path.plan.prior = node.get_double("prior", path.plan.prior, 0, 1e6);
    path.saving = read_saving(node);
    return;
  }
  read_rule(node, {"logit", "confidence", "entropy", "margin"}, path.rule);
  path.start_exit = node.get_int("start_exit", -1, -1, kMostExits);
  if (path.engine.name != "zero_hold") {
    path.engine.reach = node.get_int("reach", path.engine.reach, 1, kMostExits);
    path.single_jump = node.get_bool("single_jump", false);
  }
}

PathOptions read_path(const Node& node, const LayerFormats& weights) {
  PathOptions path{.node = node};
  path.name = node.get_string("name");
  path.weights = read_layer_formats(node, "weights", weights);
  const std::string method =
      node.get_choice("method", "early_exit", {"full", "early_exit", "predictive_exit", "static", "random", "oracle"});
  if (method == "early_exit") {
    path.method = Method::early_exit;
    read_early_exit(node, path);
  } else if (method == "predictive_exit") {
    path.method = Method::predictive;
    read_predictive(node, path);
  } else if (method == "static") {
    path.method = Method::fixed;
    if (node.has("like")) {
      path.like = node.get_string("like");
    } else {
      path.exit = node.get_int("exit");
      if (path.exit < 0) node.at("exit").fail("is below zero", "count exits from 0");
    }
  } else if (method == "random") {
    path.method = Method::random;
    path.like = node.get_string("like");
  } else if (method == "oracle") {
    path.method = Method::oracle;
  }
  return path;
}

void read_path_governor(const Node& node, bool hardware, PathOptions& path) {
  path.governor = read_governor(node, hardware);
  if (path.governor.options.rule == GovernorRule::published && path.method != Method::predictive)
    node.at("governor")
        .fail("follows forecasts, which this path does not make", "use budget or constant, or method: predictive_exit");
}

// The path that a control is like; null: none can be.
const PathOptions* liked(const PathOptions& path, const std::vector<PathOptions>& paths) {
  const auto found = std::find_if(paths.begin(), paths.end(), [&](const PathOptions& other) {
    return other.name == path.like && (other.method == Method::early_exit || other.method == Method::predictive);
  });
  return found == paths.end() ? nullptr : &*found;
}

// Profiles take the counted bytes of weights for those of fp32.
void check_hardware(const Node& root, const PathOptions& path) {
  if (root.has("hardware") && path.weights != WeightFormat{})
    path.weights_key(root).fail("is " + path.weights.name() + ", and hardware profiles model fp32 weights",
                                "leave hardware out, or keep all weights fp32");
}

}  // namespace

Node PathOptions::weights_key(const Node& root) const {
  return (node.has("weights") ? node : root.at("model")).at("weights");
}

Options read_options(const Node& root) {
  Options options;
  const Node model = root.at("model");
  options.network = model.get_string("network");
  const LayerFormats weights = read_layer_formats(model, "weights", {});
  options.calibration_ms = root.section("calibration").get_double("budget_ms", options.calibration_ms, 1, 1e6);
  std::set<std::string> names;
  const Node paths = root.at("paths");
  for (const Node& node : paths.items()) {
    options.paths.push_back(read_path(node, weights));
    read_path_governor(node, root.has("hardware"), options.paths.back());
    check_hardware(root, options.paths.back());
    if (!names.insert(options.paths.back().name).second)
      node.at("name").fail("is used twice", "give every path a name of its own");
  }
  if (options.paths.empty() || options.paths.front().method != Method::full)
    paths.fail("must begin with the baseline, method full", "make {name: full, method: full} the first path");
  for (const PathOptions& path : options.paths)
    if (!path.like.empty() && !liked(path, options.paths))
      path.node.at("like").fail("names no early_exit or predictive_exit path of this config", "name one of them");
  return options;
}

void require_same_weights(const std::vector<PathOptions>& paths) {
  for (const PathOptions& path : paths) {
    if (path.like.empty()) continue;
    const LayerFormats& other = liked(path, paths)->weights;
    if (other != path.weights)
      path.node.at("like").fail(
          "names a path in " + other.name() + " weights, and this one runs in " + path.weights.name(),
          "name a path in the same weights, or add weights: " + other.name());
  }
}

}  // namespace dynexec::early_exit
