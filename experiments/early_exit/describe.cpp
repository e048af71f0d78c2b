// The `setting` column: what a path does, in one line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/early_exit/options.hpp"

namespace dynexec::early_exit {
namespace {

std::string describe_rule(const RuleOptions& rule) {
  if (rule.name == "patience") return fmt::format("patience={}", rule.patience);
  if (rule.name == "vote") return fmt::format("{}vote={}", rule.weighted ? "weighted " : "", rule.patience);
  return fmt::format("{}>={:g}", rule.name, rule.threshold);
}

std::string describe_tested(const PathOptions& path) {
  const std::string rule = describe_rule(path.rule);
  if (!path.tested.empty()) return rule + fmt::format(" at exits {}", fmt::join(path.tested, " "));
  const char* saving = path.placement.saving == Saving::time ? ", least time" : "";
  if (path.placement.kind == Placement::search) return fmt::format("{} at the cheapest exits{}", rule, saving);
  if (path.placement.kind == Placement::optimised)
    return fmt::format("{} at exits that pay at share {:g}{}", rule, path.placement.share, saving);
  return path.start_exit > 0 ? rule + fmt::format(" from exit {}", path.start_exit) : rule;
}

std::string describe_predictive(const PathOptions& path) {
  std::string text =
      path.plan.price ? fmt::format("{} at price {:g}", path.rule.name, *path.plan.price) : describe_rule(path.rule);
  text += fmt::format(", {}", path.engine.name);
  if (path.engine.name == "learnt")
    return text + fmt::format(", {} bins{}", path.plan.bins, path.saving == Saving::time ? ", least time" : "");
  if (path.engine.name != "zero_hold") text += fmt::format(", reach {}", path.engine.reach);
  if (path.start_exit >= 0) text += fmt::format(" from exit {}", path.start_exit);
  return path.single_jump ? text + ", single jump" : text;
}

std::string describe_method(const PathOptions& path) {
  switch (path.method) {
    case Method::full:
      return "the whole network";
    case Method::early_exit:
      return describe_tested(path);
    case Method::predictive:
      return describe_predictive(path);
    case Method::fixed:
      return path.exit >= 0 ? fmt::format("always exit {}", path.exit)
                            : fmt::format("always the exit as deep as {}", path.like);
    case Method::random:
      return fmt::format("exits as often as {}, at random", path.like);
    case Method::oracle:
      break;
  }
  return "first exit with the whole network's answer, heads free: not realisable";
}

}  // namespace

const char* method_name(Method method) {
  switch (method) {
    case Method::full:
      return "full";
    case Method::early_exit:
      return "early_exit";
    case Method::predictive:
      return "predictive_exit";
    case Method::fixed:
      return "static";
    case Method::random:
      return "random";
    case Method::oracle:
      break;
  }
  return "oracle";
}

std::string PathOptions::describe() const {
  const std::string text = describe_method(*this);
  return weights == WeightFormat{} ? text : text + "; weights " + weights.name();
}

}  // namespace dynexec::early_exit
