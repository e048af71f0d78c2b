#include "experiments/diffusion/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace dynexec::diffusion {
namespace {

constexpr std::int64_t kMostSteps = 1'000'000;
constexpr double kUsualGuidance = 7.5;  // of Stable Diffusion
const std::vector<std::string> kMethods{"fixed", "converged", "predicted", "length", "shuffled", "oracle"};

template <class Choice>
Choice read_choice(const Node& node, const std::string& key, Choice absent, const std::vector<std::string>& names) {
  const std::string found = node.get_choice(key, names[static_cast<std::size_t>(absent)], names);
  return static_cast<Choice>(std::find(names.begin(), names.end(), found) - names.begin());
}

void read_sampler(const Node& node, SamplerOptions& options) {
  options.kind = read_choice(node, "sampler", options.kind, sampler_names());
  options.spacing = read_choice(node, "spacing", options.spacing, spacing_names());
  options.offset = node.get_int("offset", options.offset, 0, 1000);
  if (options.kind == SamplerKind::ddim || options.kind == SamplerKind::euler_ancestral)
    options.karras = false;
  else
    options.karras = node.get_bool("karras", options.karras);
  if (options.kind == SamplerKind::ddim) options.eta = node.get_double("eta", options.eta, 0, 1);
}

// What all paths share unless they say otherwise; the network's kind of prediction and image among it.
SamplerOptions read_shared(const Node& model, SamplerOptions options) {
  options.prediction = read_choice(model, "prediction", options.prediction, prediction_names());
  options.noise.betas = read_choice(model, "betas", options.noise.betas, beta_schedule_names());
  if (options.noise.betas != BetaSchedule::cosine) {
    options.noise.beta_start = model.get_double("beta_start", options.noise.beta_start, 1e-9, 0.999);
    options.noise.beta_end = model.get_double("beta_end", options.noise.beta_end, 1e-9, 0.999);
  }
  options.limits.clip = model.get_double("clip", options.limits.clip, 0, 1e6);
  options.limits.quantile = model.get_double("dynamic_threshold", options.limits.quantile, 0, 1);
  if (options.limits.quantile > 0)
    options.limits.highest = model.get_double("dynamic_threshold_highest", options.limits.highest, 1, 1e6);
  return options;
}

void read_draw(const Node& node, Method method, bool takes_text, DrawOptions& draw) {
  const bool converged = method == Method::converged;
  if (converged || node.has("threshold")) {
    draw.stop_below = node.get_double("threshold", 0.02, 0, 1e6);
    draw.patience = node.get_int("patience", draw.patience, 1, 1000);
    draw.stop_from = node.get_double("from", draw.stop_from, 0, 1);
  }
  draw.cache_interval = node.get_int("cache_interval", draw.cache_interval, 1, 1000);
  if (draw.cache_interval > 1) draw.cache_branch = node.get_int("cache_branch", draw.cache_branch, 0, 1000);
  if (!takes_text) return;
  draw.guidance = node.get_double("guidance", draw.guidance, 1, 1000);
  if (draw.guidance <= 1) return;
  draw.guidance_agreement = node.get_double("guidance_agreement", draw.guidance_agreement, -1, 2);
  draw.guidance_from = node.get_double("guidance_from", draw.guidance_from, 0, 1);
  draw.guidance_to = node.get_double("guidance_to", draw.guidance_to, draw.guidance_from, 1);
}

void read_counts(const Node& node, bool judged, PathOptions& path) {
  path.steps = node.get_ints("steps", {});
  if (node.has("price")) {
    path.price = node.get_double("price", path.price, 0, 1);
    path.by_attributes = node.get_choice("quality", "ssim", {"ssim", "attributes"}) == "attributes";
    if (path.by_attributes && !judged)
      node.at("quality").fail("needs a judge, and prompts that say what a picture must show",
                              "use task.kind: scenes and name a judge, or leave the key out");
  } else
    path.similarity = node.get_double("similarity", path.similarity, 0, 1);
  if (path.steps.empty() || path.steps.front() < 1 ||
      std::adjacent_find(path.steps.begin(), path.steps.end(), std::greater_equal<>()) != path.steps.end())
    node.fail("needs the step counts to choose from, in ascending order", "steps: [5, 10, 20, 50]");
}

// What all paths of a config have in common.
struct Common {
  SamplerOptions sampler;
  DrawOptions draw;
  std::optional<QuantisedWeights> weights;
  bool takes_text = true;
  bool judged = false;  // what a picture must show is known, and somebody looks
};

const char* name_of(const std::optional<QuantisedWeights>& weights) {
  return !weights ? "fp32" : *weights == QuantisedWeights::int8 ? "int8" : "int4";
}

std::optional<QuantisedWeights> read_weights(const Node& node, const std::optional<QuantisedWeights>& absent) {
  const std::string name = node.get_choice("weights", name_of(absent), {"fp32", "int8", "int4"});
  if (name == "fp32") return std::nullopt;
  return name == "int8" ? QuantisedWeights::int8 : QuantisedWeights::int4;
}

PathOptions read_path(const Node& node, const Common& common) {
  PathOptions path{
      .sampler = common.sampler, .draw = common.draw, .weights = read_weights(node, common.weights), .node = node};
  path.name = node.get_string("name");
  path.method = read_choice(node, "method", Method::fixed, kMethods);
  read_sampler(node, path.sampler);
  read_draw(node, path.method, common.takes_text, path.draw);
  switch (path.method) {
    case Method::oracle:
      if (path.sampler.kind == SamplerKind::euler_ancestral || path.sampler.eta > 0)
        node.at("method").fail("would judge other pictures than it draws: this sampler draws noise on the way",
                               "use a sampler without noise of its own");
      read_counts(node, common.judged, path);
      break;
    case Method::predicted:
    case Method::length:
    case Method::shuffled:
      if (!common.takes_text)
        node.at("method").fail("reads texts, and the model takes none", "use a text-to-image model");
      path.predictor = node.get_string("predictor");
      path.transfer = node.get_bool("transfer", path.transfer);
      break;
    default:
      if (path.method == Method::fixed && node.has("like")) {
        path.like = node.get_string("like");
        for (const char* key : {"threshold", "guidance_agreement"})
          if (node.has(key))
            node.at(key).fail("differs in work from picture to picture, and a control works the same for all",
                              "leave it out beside `like`");
      } else
        path.sampler.steps = node.get_int("steps", path.sampler.steps, 1, kMostSteps);
  }
  return path;
}

void check_paths(const Node& paths, const std::vector<PathOptions>& read) {
  std::set<std::string> names;
  for (const PathOptions& path : read)
    if (!names.insert(path.name).second)
      path.node.at("name").fail("is used twice", "give every path a name of its own");
  if (read.empty() || read.front().method != Method::fixed || !read.front().like.empty())
    paths.fail("must begin with the baseline, method fixed",
               "make {name: full, method: fixed, steps: 50} the first path");
  for (const PathOptions& path : read) {
    if (path.like.empty()) continue;
    const bool found = std::any_of(read.begin(), read.end(), [&](const PathOptions& other) {
      return other.name == path.like && other.like.empty() && other.method != Method::shuffled &&
             other.method != Method::oracle;
    });
    if (!found)
      path.node.at("like").fail("names no path of this config that stands for itself",
                                "name a path without `like` that is neither shuffled nor an oracle");
  }
}

}  // namespace

bool Options::any_quantised() const {
  return std::any_of(paths.begin(), paths.end(), [](const PathOptions& path) { return path.weights.has_value(); });
}

const char* method_name(Method method) {
  return kMethods[static_cast<std::size_t>(method)].c_str();
}

SamplerOptions PathOptions::sampler_of(std::int64_t steps_wanted) const {
  SamplerOptions options = sampler;
  options.steps = steps_wanted;
  return options;
}

std::string PathOptions::describe() const {
  std::string text = sampler_names()[static_cast<std::size_t>(sampler.kind)];
  if (sampler.karras) text += " karras";
  if (method == Method::oracle && price > 0)
    text +=
        fmt::format(", best{} of {} steps at {:g} each", by_attributes ? " shown" : "", fmt::join(steps, ", "), price);
  else if (method == Method::oracle)
    text += fmt::format(", fewest of {} steps with similarity {:g}", fmt::join(steps, ", "), similarity);
  else if (!predictor.empty())
    text +=
        fmt::format(", {} by {}", method == Method::shuffled ? "shuffled forecasts" : method_name(method), predictor);
  else if (!like.empty())
    text += fmt::format(", as much work as {}", like);
  else
    text += fmt::format(", {} steps", sampler.steps);
  if (draw.guidance > 1) text += fmt::format(", guidance {:g}", draw.guidance);
  if (draw.stop_below > 0)
    text += fmt::format(", until the image moves <{:g} {} times", draw.stop_below, draw.patience);
  if (draw.stop_below > 0 && draw.stop_from > 0) text += fmt::format(" after {:g} of the way", draw.stop_from);
  if (draw.cache_interval > 1)
    text += fmt::format(", 1 of {} evaluations whole (branch {})", draw.cache_interval, draw.cache_branch);
  if (draw.guidance_agreement < 1) text += fmt::format(", guided until {:g} agree", draw.guidance_agreement);
  if (draw.guidance_from > 0 || draw.guidance_to < 1)
    text += fmt::format(", guided from {:g} to {:g} of the way", draw.guidance_from, draw.guidance_to);
  if (weights) text += fmt::format(", weights {}", name_of(weights));
  return text;
}

Options read_options(const Node& root, const SamplerOptions& own, bool takes_text) {
  Options options;
  const Node model = root.at("model"), task = root.at("task"), reference = root.section("reference");
  options.seed = static_cast<std::uint64_t>(task.get_int("seed", 1, 0, 1LL << 53));
  options.calibration = root.section("calibration").get_int("samples", options.calibration, 1, 1'000'000);
  const SamplerOptions shared = read_shared(model, own);
  if (takes_text) {
    options.draw.guidance = model.get_double("guidance", kUsualGuidance, 1, 1000);
    options.draw.negative = model.get_string("negative", "");
  }
  options.reference = shared;
  read_sampler(reference, options.reference);
  options.reference.steps = reference.get_int("steps", 100, 1, kMostSteps);
  const Node paths = root.at("paths");
  const Common common{.sampler = shared,
                      .draw = options.draw,
                      .weights = read_weights(model, std::nullopt),
                      .takes_text = takes_text,
                      .judged = root.has("judge") && task.get_string("kind", takes_text ? "scenes" : "") == "scenes"};
  for (const Node& node : paths.items()) options.paths.push_back(read_path(node, common));
  check_paths(paths, options.paths);
  return options;
}

Quantisation read_quantisation(const Node& root) {
  const Node section = root.section("quantisation");
  Quantisation quantisation;
  quantisation.samples = section.get_int("samples", quantisation.samples, 1, 1'000'000);
  quantisation.steps = section.get_int("steps", quantisation.steps, 1, kMostSteps);
  return quantisation;
}

void take_stored_weights(const Node& root, QuantisedWeights stored, Options& options) {
  const std::string name = name_of(stored);
  for (PathOptions& path : options.paths) {
    if (path.weights && path.weights != stored)
      (path.node.has("weights") ? path.node : root.at("model"))
          .at("weights")
          .fail(std::string("is ") + name_of(path.weights) + ", and the weights of model.network are " + name,
                "leave weights out, or name the folder that it was made from");
    path.weights = stored;
  }
  if (root.has("quantisation"))
    root.at("quantisation")
        .fail("says what ranges are learnt from, and the folder of model.network is in " + name + " and has its ranges",
              "leave quantisation out (--set 'quantisation=~'), or name the folder that it was made from");
}

}  // namespace dynexec::diffusion
