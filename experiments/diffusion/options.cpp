#include "experiments/diffusion/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace dynexec::diffusion {
namespace {

constexpr std::int64_t kMostSteps = 1'000'000;

template <class Choice>
Choice read_choice(const Node& node, const std::string& key, Choice absent, const std::vector<std::string>& names) {
  const std::string found = node.get_choice(key, names[static_cast<std::size_t>(absent)], names);
  return static_cast<Choice>(std::find(names.begin(), names.end(), found) - names.begin());
}

void read_sampler(const Node& node, SamplerOptions& options) {
  options.kind = read_choice(node, "sampler", options.kind, sampler_names());
  options.spacing = read_choice(node, "spacing", options.spacing, spacing_names());
  options.offset = node.get_int("offset", options.offset, 0, 1000);
  if (options.kind != SamplerKind::ddim && options.kind != SamplerKind::euler_ancestral)
    options.karras = node.get_bool("karras", options.karras);
  if (options.kind == SamplerKind::ddim) options.eta = node.get_double("eta", options.eta, 0, 1);
}

// What all paths share unless they say otherwise; the network's kind of prediction and image among it.
SamplerOptions read_shared(const Node& model) {
  SamplerOptions options;
  options.offset = 0;
  options.prediction = read_choice(model, "prediction", options.prediction, prediction_names());
  options.noise.betas = read_choice(model, "betas", BetaSchedule::linear, beta_schedule_names());
  if (options.noise.betas != BetaSchedule::cosine) {
    options.noise.beta_start = model.get_double("beta_start", 1e-4, 1e-9, 0.999);
    options.noise.beta_end = model.get_double("beta_end", 0.02, 1e-9, 0.999);
  }
  options.limits.clip = model.get_double("clip", 1, 0, 1e6);
  return options;
}

PathOptions read_path(const Node& node, const SamplerOptions& shared) {
  PathOptions path{.sampler = shared, .node = node};
  path.name = node.get_string("name");
  const std::string method = node.get_choice("method", "fixed", {"fixed", "converged", "oracle"});
  read_sampler(node, path.sampler);
  if (method == "oracle") {
    path.method = Method::oracle;
    path.steps = node.get_ints("steps", {});
    path.similarity = node.get_double("similarity", path.similarity, 0, 1);
    if (path.steps.empty() || path.steps.front() < 1 ||
        std::adjacent_find(path.steps.begin(), path.steps.end(), std::greater_equal<>()) != path.steps.end())
      node.fail("needs the step counts to choose from, in ascending order", "steps: [5, 10, 20, 50]");
    return path;
  }
  if (method == "converged") {
    path.method = Method::converged;
    path.threshold = node.get_double("threshold", 0.02, 0, 1e6);
    path.patience = node.get_int("patience", path.patience, 1, 1000);
  } else if (node.has("like")) {
    path.like = node.get_string("like");
    return path;
  }
  path.sampler.steps = node.get_int("steps", path.sampler.steps, 1, kMostSteps);
  return path;
}

}  // namespace

const char* method_name(Method method) {
  return method == Method::fixed ? "fixed" : method == Method::converged ? "converged" : "oracle";
}

std::string PathOptions::describe() const {
  const std::string sampler_name = sampler_names()[static_cast<std::size_t>(sampler.kind)];
  if (method == Method::oracle)
    return fmt::format("{}, fewest of {} steps with similarity {:g}", sampler_name, fmt::join(steps, ", "), similarity);
  if (!like.empty()) return fmt::format("{}, as many evaluations as {}", sampler_name, like);
  std::string text = fmt::format("{}, {} steps", sampler_name, sampler.steps);
  if (method == Method::converged) text += fmt::format(", until the image moves <{:g} {} times", threshold, patience);
  return text;
}

Options read_options(const Node& root) {
  Options options;
  const Node model = root.at("model"), task = root.at("task"), reference = root.section("reference");
  options.network = model.get_string("network");
  task.get_choice("kind", "from_noise", {"from_noise"});
  options.samples = task.get_int("samples", options.samples, 1, 1'000'000);
  options.seed = static_cast<std::uint64_t>(task.get_int("seed", 1, 0, 1LL << 53));
  options.calibration = root.section("calibration").get_int("samples", options.calibration, 1, 1'000'000);
  const SamplerOptions shared = read_shared(model);
  options.reference = shared;
  read_sampler(reference, options.reference);
  options.reference.steps = reference.get_int("steps", 100, 1, kMostSteps);
  std::set<std::string> names;
  const Node paths = root.at("paths");
  for (const Node& node : paths.items()) {
    options.paths.push_back(read_path(node, shared));
    if (!names.insert(options.paths.back().name).second)
      node.at("name").fail("is used twice", "give every path a name of its own");
  }
  if (options.paths.empty() || options.paths.front().method != Method::fixed || !options.paths.front().like.empty())
    paths.fail("must begin with the baseline, method fixed",
               "make {name: full, method: fixed, steps: 100} the first path");
  for (const PathOptions& path : options.paths) {
    if (path.like.empty()) continue;
    const bool found = std::any_of(options.paths.begin(), options.paths.end(), [&](const PathOptions& other) {
      return other.name == path.like && other.method == Method::converged;
    });
    if (!found) path.node.at("like").fail("names no converged path of this config", "name one of them");
  }
  return options;
}

}  // namespace dynexec::diffusion
