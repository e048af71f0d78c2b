#include "experiments/speculative/options.hpp"

#include <fmt/format.h>

#include <set>

namespace dynexec::speculative {
namespace {

constexpr std::int64_t kLongestDraft = 64;

double default_threshold(const std::string& policy) {
  if (policy == "svip") return 0.3;
  if (policy == "draft_verify") return 0.8;
  if (policy == "adaedl") return 0.6;
  return 0.4;
}

PolicyOptions read_policy(const Node& node) {
  PolicyOptions policy;
  policy.name = node.get_choice("policy", "constant", policy_names());
  if (policy.name == "constant") {
    policy.length = node.get_int("length", 5, 1, kLongestDraft);
    policy.max_length = policy.length;
    return policy;
  }
  policy.max_length = node.get_int("max_length", 16, 1, kLongestDraft);
  if (policy.name == "heuristic") policy.length = node.get_int("length", 5, 1, kLongestDraft);
  if (policy_needs_distribution(policy.name))
    policy.threshold = node.get_double("threshold", default_threshold(policy.name), 0, 10);
  if (policy.name == "adaedl") policy.entropy_weight = node.get_double("entropy_weight", 0.2, 0, 10);
  if (policy.name == "svip") policy.entropy_weight = node.get_double("entropy_weight", 0.15, 0, 10);
  return policy;
}

std::string describe_policy(const PolicyOptions& policy) {
  if (policy.name == "constant") return fmt::format("constant {}", policy.length);
  if (policy.name == "heuristic") return fmt::format("heuristic from {}, max {}", policy.length, policy.max_length);
  if (policy.name == "cost_aware") return fmt::format("cost_aware, max {}", policy.max_length);
  return fmt::format("{} threshold {:g}, max {}", policy.name, policy.threshold, policy.max_length);
}

PathOptions read_path(const Node& node, const Options& options) {
  PathOptions path{.node = node};
  path.name = node.get_string("name");
  path.weights = read_formats(node, "", options.weights);
  const std::string method = node.get_choice("method", "speculative", {"autoregressive", "speculative"});
  if (method == "autoregressive") return path;
  const std::string drafter = node.get_choice("drafter", "model", {"model", "prompt_lookup", "self"});
  path.policy = read_policy(node);
  if (drafter == "model") {
    path.drafter = DrafterKind::model;
    DecoderFormats fallback = options.draft_weights;
    // As long as nothing else is said, the draft computes where the target does.
    if (fallback.device == options.weights.device) fallback.device = path.weights.device;
    path.draft_weights = read_formats(node, "draft_", fallback);
  } else if (drafter == "self") {
    path.drafter = DrafterKind::self;
    path.exit_layer = node.get_int("exit_layer", 2, 1, 1024);
  } else {
    path.drafter = DrafterKind::prompt_lookup;
    path.lookup.ngram_max = node.get_int("ngram_max", 3, 1, 16);
    path.lookup.ngram_min = node.get_int("ngram_min", 1, 1, path.lookup.ngram_max);
    path.lookup.most_recent = node.get_choice("match", "last", {"last", "first"}) == "last";
    if (policy_needs_distribution(path.policy.name))
      node.at("policy").fail(
          fmt::format("policy '{}' needs the drafter's probabilities, which prompt lookup does not have",
                      path.policy.name),
          "use constant, heuristic or cost_aware, or another drafter");
  }
  return path;
}

}  // namespace

std::string PathOptions::drafter_key() const {
  std::string key = drafter_name();
  if (weights != DecoderFormats{}) key += fmt::format("; weights {}", weights.name());
  if (draft_weights != DecoderFormats{}) key += fmt::format("; draft {}", draft_weights.name());
  return key;
}

std::string PathOptions::drafter_name() const {
  switch (drafter) {
    case DrafterKind::none:
      return "none";
    case DrafterKind::model:
      return "model";
    case DrafterKind::self:
      return fmt::format("self layers={}", exit_layer);
    case DrafterKind::prompt_lookup:
      return fmt::format("prompt_lookup n={}..{} {}", lookup.ngram_min, lookup.ngram_max,
                         lookup.most_recent ? "last" : "first");
  }
  return "";
}

std::string PathOptions::describe() const {
  const std::string formats = drafter_key().substr(drafter_name().size());
  if (!speculative()) return "autoregressive" + formats;
  return drafter_name() + ", " + describe_policy(policy) + formats;
}

GenerationOptions read_generation(const Node& node) {
  GenerationOptions generation;
  generation.max_new_tokens = node.get_int("max_new_tokens", 128, 1, 1 << 20);
  generation.stop_at_end = node.get_bool("stop_at_end", true);
  SamplingOptions& sampling = generation.sampling;
  sampling.temperature = node.get_double("temperature", 0, 0, 100);
  sampling.top_k = node.get_int("top_k", 0, 0, 1 << 24);
  sampling.top_p = node.get_double("top_p", 1, 1e-6, 1);
  sampling.min_p = node.get_double("min_p", 0, 0, 1);
  sampling.repetition_penalty = node.get_double("repetition_penalty", 1, 1e-3, 100);
  return generation;
}

Options read_options(const Node& root) {
  Options options;
  const Node model = root.at("model");
  options.target = model.get_string("target");
  options.draft = model.get_string("draft", "");
  options.draft_place = model.place();
  options.max_context = model.get_int("max_context", 0, 0, 1 << 24);
  options.weights = read_formats(model, "", {});
  options.draft_weights =
      read_formats(model, "draft_", {.layers = {}, .head = {}, .cache = {}, .device = options.weights.device});
  options.generation = read_generation(root.section("generation"));
  const Node calibration = root.section("calibration");
  options.calibration_samples = calibration.get_int("samples", 32, 1, 100000);
  options.calibration_ms = calibration.get_double("budget_ms", 1000, 10, 600000);

  std::set<std::string> names;
  for (const Node& node : root.at("paths").items()) {
    options.paths.push_back(read_path(node, options));
    const PathOptions& path = options.paths.back();
    if (!names.insert(path.name).second)
      node.at("name").fail(fmt::format("two paths are called '{}'", path.name), "give every path a name of its own");
    if (path.drafter == DrafterKind::model && options.draft.empty())
      node.fail(fmt::format("path '{}' drafts with a model, but model.draft names none", path.name),
                "set model.draft to a model folder, or use drafter: prompt_lookup or self");
    // Profiles take the counted bytes of weights and caches for those of fp32, and of positions that are in use.
    if (root.has("hardware") && (path.weights != DecoderFormats{} || path.draft_weights != DecoderFormats{}))
      node.fail(fmt::format("path '{}' is not in fp32 on device cpu, and hardware profiles model fp32 weights there",
                            path.name),
                "leave hardware out, or keep all weights and caches fp32 and all devices cpu");
  }
  if (options.paths.empty()) root.at("paths").fail("there are no paths", "list at least the autoregressive baseline");
  if (options.paths.front().speculative())
    options.paths.front().node.fail("the first path is the baseline and must be autoregressive",
                                    "put a path with method: autoregressive first");
  return options;
}

}  // namespace dynexec::speculative
