#include "train/step_predictor_export.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/sha256.hpp"
#include "train/encoder_export.hpp"
#include "train/export.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

std::string rule_of(const StepLabelRule& rule, const std::string& reference) {
  if (rule.label == "A")
    return fmt::format("A: the count where the similarity of successive counts' pictures first falls by more than {}",
                       rule.decline);
  if (rule.label == "C")
    return fmt::format(
        "C: the smallest count from which on pictures show as much of what the caption promises as those of the last "
        "count, less {}, in the mean over the noises",
        rule.decline);
  if (rule.label == "D")
    return fmt::format("D: the count whose similarity to {}, less {} a step, is highest", reference, rule.price);
  if (rule.label == "E")
    return fmt::format("E: the count whose pictures show most of what the caption promises, less {} a step",
                       rule.price);
  return fmt::format("B: the smallest count from which on the similarity to {} is at least {}", reference,
                     rule.threshold);
}

std::string score_row(const char* name, const StepScores& scores) {
  return fmt::format("| {} | {:.2f} | {:.1f} % | {:.1f} % | {:.2f} | {:.4f} |\n", name, scores.error,
                     100 * scores.within_one, 100 * scores.under, scores.mean, scores.quality);
}

nlohmann::json model_config(const StepExport& exported) {
  nlohmann::json config = exported.start ? exported.start->config() : bert_config(exported.encoder);
  if (!exported.start) config["architectures"] = {"BertModel"};
  config.erase("exits");
  config["step_predictor"] = step_predictor_json(exported.config);
  return config;
}

}  // namespace

StepScores score_steps(std::span<const std::int64_t> grid, std::span<const std::int64_t> predicted,
                       std::span<const StepLabel> labels) {
  StepScores scores;
  const auto place = [&](std::int64_t steps) {
    return std::lower_bound(grid.begin(), grid.end(), steps) - grid.begin();
  };
  for (std::size_t i = 0; i < labels.size(); ++i) {
    scores.error += std::abs(static_cast<double>(predicted[i] - labels[i].steps));
    scores.within_one += std::abs(place(predicted[i]) - place(labels[i].steps)) <= 1 ? 1 : 0;
    scores.under += predicted[i] < labels[i].steps ? 1 : 0;
    scores.mean += static_cast<double>(predicted[i]);
    scores.quality += labels[i].quality.at(static_cast<std::size_t>(place(predicted[i])));
  }
  for (double* sum : {&scores.error, &scores.within_one, &scores.under, &scores.mean, &scores.quality})
    *sum /= static_cast<double>(labels.size());
  return scores;
}

double quality_at(std::span<const std::int64_t> grid, std::span<const StepLabel> labels, double steps) {
  const auto above = std::find_if(grid.begin() + 1, grid.end() - 1,
                                  [&](std::int64_t count) { return static_cast<double>(count) >= steps; });
  const auto k = static_cast<std::size_t>(above - grid.begin());
  const auto low = static_cast<double>(grid[k - 1]), high = static_cast<double>(grid[k]);
  const double share = std::clamp((steps - low) / (high - low), 0.0, 1.0);
  double sum = 0;
  for (const StepLabel& label : labels) sum += (1 - share) * label.quality[k - 1] + share * label.quality[k];
  return sum / static_cast<double>(labels.size());
}

void export_step_predictor(const StepModule& module, const StepExport& exported, const StepPredictorOptions& options) {
  const fs::path folder = options.output;
  const auto write_json = [&](const char* name, const nlohmann::json& json) {
    write_file_atomically((folder / name).string(), json.dump(2) + "\n");
  };
  write_json("config.json", model_config(exported));
  write_json("tokenizer.json", exported.tokenizer);
  const fs::path weights = folder / "model.safetensors";
  if (exported.start) {
    write_with_heads(weights, *exported.start, module.parameters());
  } else {
    write_json("tokenizer_config.json", word_tokenizer_config(exported.encoder));
    write_half_weights(weights, module.parameters());
  }
}

void write_step_card(const StepExport& exported, const StepPredictorOptions& options, const StepFigures& figures) {
  const StepPredictorConfig& config = exported.config;
  const EncoderConfig& encoder = exported.encoder;
  const OptimiserOptions& o = options.optimiser;
  std::string text = fmt::format("---\nlicense: {}\ntags: [bert, diffusion, step-prediction]\n---\n# {}\n\n",
                                 options.license, options.title);
  text += fmt::format(
      "Tells from a prompt how many sampling steps its picture needs (after StepSaver, Yu and Barad 2024); written by "
      "`dynexec train{}`.\n\n| | |\n|---|---|\n",
      options.config_path.empty() ? "" : " " + options.config_path);
  text += fmt::format("| counts | {} |\n", fmt::join(config.grid, ", "));
  text += fmt::format("| of | {}, {}, guidance {} |\n", options.pipeline, exported.sampler, config.guidance);
  text += fmt::format("| label | {}; mean of {} noises a prompt |\n", rule_of(options.rule, exported.reference),
                      options.seeds);
  text += config.by_mean
              ? std::string("| decision | the count nearest to the mean of what suffices |\n")
              : fmt::format("| decision | the smallest count that suffices with probability {} |\n", config.quantile);
  text += fmt::format("| encoder | width {}, {} layers, {} heads, feed-forward width {}{} |\n", encoder.hidden,
                      encoder.layers, encoder.heads, encoder.intermediate,
                      exported.start ? ", weights of " + options.encoder_from + " as they are" : "");
  text += fmt::format("| head | mean of the tokens, dense layer with tanh, linear{} |\n",
                      config.tokens_deviation > 0 ? "; and a linear one on the number of tokens" : "");
  text += fmt::format("| prompts | {} |\n", exported.prompts);
  text += options.weighs_gains
              ? std::string(
                    "| loss | ordinal cross-entropy, every decision to go on weighted by what it gains or loses |\n")
          : options.pinball > 0 ? fmt::format("| loss | ordinal cross-entropy, and {} x pinball loss at {} |\n",
                                              options.pinball, config.quantile)
                                : std::string("| loss | ordinal cross-entropy |\n");
  text += fmt::format("| optimiser | {}, {} steps of {} prompts, peak rate {}, decay {}, clip {}, seed {} |\n", o.kind,
                      o.steps, options.batch, o.learning_rate, o.weight_decay, o.clip, options.seed);
  text +=
      fmt::format("| weights | of step {}, the best on {:.0f} % of the prompts: loss {:.4f}, {:.4f} at the start |\n",
                  figures.best_step, 100 * options.validation, figures.loss, figures.prior_loss);
  const std::string quality =
      options.rule.judged() ? "share of the promises that is shown" : "likeness to " + exported.reference;
  const char* column = options.rule.judged() ? "shown" : "likeness";
  text += fmt::format(
      "\nOn {} prompts that were not trained on, {}:\n\n| | mean error in steps | within one count | too few | mean "
      "steps | {} |\n|---|---|---|---|---|---|\n",
      figures.prompts, quality, column);
  text += score_row("predictor", figures.predictor);
  text += score_row("prompt length", figures.length);
  text += score_row("constant", figures.constant);
  text += score_row("hindsight", figures.labels);
  text += fmt::format("\nAs many steps for all as the predictor takes in the mean: {} {:.4f}.\n", column,
                      figures.same_mean_quality);
  text += fmt::format("\nOne prediction takes {:.3f} million multiply-adds.\n", figures.macs / 1e6);
  text += fmt::format("\nSHA-256 of model.safetensors: `{}`\n",
                      sha256_file((fs::path(options.output) / "model.safetensors").string()));
  write_file_atomically((fs::path(options.output) / "README.md").string(), text);
}

}  // namespace dynexec
