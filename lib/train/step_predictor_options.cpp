#include "train/step_predictor_options.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "base/error.hpp"
#include "models/step_predictor.hpp"
#include "train/complexities.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;
constexpr std::int64_t kMostSteps = 1000;
// What label C lets a picture show less than one of the most steps.
constexpr double kUsualLoss = 0.02;

template <class Choice>
std::optional<Choice> read_choice(const Node& node, const std::string& key, const std::vector<std::string>& names) {
  if (!node.has(key)) return std::nullopt;
  const std::string found = node.get_choice(key, names.front(), names);
  return static_cast<Choice>(std::find(names.begin(), names.end(), found) - names.begin());
}

StepSamplerOptions read_sampler(const Node& node) {
  StepSamplerOptions options;
  options.kind = read_choice<SamplerKind>(node, "sampler", sampler_names());
  options.spacing = read_choice<Spacing>(node, "spacing", spacing_names());
  if (node.has("offset")) options.offset = node.get_int("offset", 0, 0, 1000);
  if (node.has("karras")) options.karras = node.get_bool("karras");
  if (node.has("eta")) options.eta = node.get_double("eta", 0, 0, 1);
  return options;
}

StepPromptOptions read_prompt_options(const Node& node) {
  StepPromptOptions options;
  options.kind = node.get_choice("kind", options.kind, {"scenes", "file"});
  if (options.kind == "file") {
    PromptOptions& file = options.file;
    file.file = node.get_string("file");
    file.format = node.get_choice("format", file.format, prompt_formats());
    file.prompt_field = node.get_string("prompt_field", file.prompt_field);
    file.max_characters = node.get_int("max_characters", file.max_characters, 0, kMany);
    file.shuffle = node.get_bool("shuffle", file.shuffle);
    file.samples = node.get_int("samples", file.samples, 0, kMany);
    options.held_out = node.get_double("held_out", options.held_out, 0.01, 0.9);
    return options;
  }
  options.scenes.complexities = read_complexities(node);
  options.scenes.seed = static_cast<std::uint64_t>(node.get_int("seed", 1, 0, kMany));
  options.training = node.get_int("training", options.training, 2, 1'000'000);
  options.evaluation = node.get_int("evaluation", options.evaluation, 1, 1'000'000);
  options.wordings = node.get_int("wordings", options.wordings, 1, 1000);
  try {
    options.scenes.check();
  } catch (const Error& error) {
    node.fail(error.message(), error.hint());
  }
  return options;
}

std::vector<std::int64_t> read_grid(const Node& root) {
  std::vector<std::int64_t> grid = root.get_ints("grid", {4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50});
  const bool ascends = std::adjacent_find(grid.begin(), grid.end(), std::greater_equal<>()) == grid.end();
  if (grid.size() < 2 || grid.size() > kMostStepCounts || !ascends || grid.front() < 1 || grid.back() > kMostSteps)
    root.at("grid").fail("is not 2 to 64 ascending step counts of at most 1000", "grid: [4, 6, 10, 20, 50]");
  return grid;
}

EncoderConfig read_encoder(const Node& node) {
  EncoderConfig config;
  config.hidden = node.get_int("width", 64, 8, 4096);
  config.layers = node.get_int("layers", 2, 1, 64);
  config.heads = node.get_int("heads", 2, 1, 256);
  config.intermediate = node.get_int("ffn", 4 * config.hidden, 1, 65536);
  config.max_positions = node.get_int("max_positions", 96, 8, 4096);
  config.types = 1;
  config.classes = 1;  // of the module's own classifier, which is not used
  if (config.hidden % config.heads != 0) node.at("heads").fail("does not divide width", "choose width / heads = 32");
  return config;
}

}  // namespace

SamplerOptions StepSamplerOptions::over(SamplerOptions options) const {
  if (kind) options.kind = *kind;
  if (spacing) options.spacing = *spacing;
  if (offset) options.offset = *offset;
  if (karras)
    options.karras = *karras;
  else if (options.kind == SamplerKind::ddim || options.kind == SamplerKind::euler_ancestral)
    options.karras = false;  // they have no such levels, whatever the folder's own sampler has
  if (eta) options.eta = *eta;
  return options;
}

StepPredictorOptions read_step_predictor_options(const Node& root, const std::string& config_path) {
  StepPredictorOptions options;
  options.config_path = config_path;
  (void)root.get_choice("kind", "step_predictor", {"step_predictor"});
  options.output = root.get_string("output");
  const std::string name = std::filesystem::path(options.output).filename().string();
  options.work = root.get_string("work", "wip/train-" + name);
  options.title = root.get_string("title", name);
  options.license = root.get_string("license", options.license);
  options.seed = static_cast<std::uint64_t>(root.get_int("seed", 1, 0, kMany));
  options.threads = static_cast<int>(root.get_int("threads", options.threads, 0, 1024));

  options.pipeline = root.get_string("pipeline");
  options.sampler = read_sampler(root.section("sampler"));
  if (root.has("reference")) {
    const Node reference = root.section("reference");
    options.reference = read_sampler(reference);
    options.reference_steps = reference.get_int("steps", 100, 1, kMostSteps);
  }
  options.guidance = root.get_double("guidance", options.guidance, 1, 1000);
  options.negative = root.get_string("negative", "");
  options.prompts = read_prompt_options(root.section("prompts"));
  options.grid = read_grid(root);
  options.seeds = root.get_int("seeds", options.seeds, 1, 1000);
  options.together = root.get_int("together", options.together, 1, 1000);

  options.rule.label = root.get_choice("label", options.rule.label, {"A", "B", "C", "D", "E"});
  if (options.rule.label == "A") options.rule.decline = root.get_double("decline", options.rule.decline, 0, 1);
  const bool scenes = options.prompts.kind == "scenes", judged = options.rule.judged();
  if (judged && !scenes)
    root.at("label").fail("this label needs captions of scenes, whose promises a judge can look for",
                          "use label B or D");
  if (options.rule.label == "C") options.rule.decline = root.get_double("decline", kUsualLoss, 0, 1);
  if (scenes) options.judge = root.get_string("judge", judged ? "models/scenes-classifier" : "");
  if (judged && options.judge.empty())
    root.at("judge").fail("is empty, and this label asks a judge what pictures show", "leave the key out");
  if (options.rule.label == "B") options.rule.threshold = root.get_double("threshold", options.rule.threshold, 0, 1);
  const bool priced = options.rule.priced();
  if (priced) options.rule.price = root.get_double("price", options.rule.price, 0, 1);
  options.by_mean = root.get_choice("decision", "quantile", {"quantile", "mean"}) == "mean";
  if (!options.by_mean) options.quantile = root.get_double("quantile", priced ? 0.5 : options.quantile, 0.01, 0.99);
  if (priced) options.weighs_gains = root.get_choice("loss", "ordinal", {"ordinal", "gains"}) == "gains";

  const Node encoder = root.section("encoder");
  options.encoder_from = encoder.get_string("from", "");
  if (options.encoder_from.empty()) options.encoder = read_encoder(encoder);
  options.sees_length = root.get_bool("sees_length", options.sees_length);
  // The pinball loss would pull the mean to its quantile.
  if (options.by_mean) options.pinball = 0;
  if (!options.weighs_gains && !options.by_mean) options.pinball = root.get_double("pinball", options.pinball, 0, 100);
  options.validation = root.get_double("validation", options.validation, 0.01, 0.9);
  options.batch = root.get_int("batch", options.batch, 1, 65536);
  options.optimiser =
      read_optimiser(root.section("optimiser"),
                     {.steps = 600, .learning_rate = 1e-3, .warmup = 20, .weight_decay = 0.05, .beta2 = 0.99});
  options.eval_every = root.get_int("eval_every", options.eval_every, 1, kMany);
  return options;
}

}  // namespace dynexec
