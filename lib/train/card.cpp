#include <fmt/format.h>

#include "base/progress.hpp"
#include "train/export.hpp"

namespace dynexec {
namespace {

std::string list(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::string list(const std::vector<int>& items) {
  std::string text;
  for (const int item : items) text += (text.empty() ? "" : ", ") + std::to_string(item);
  return text;
}

}  // namespace

std::string model_card(const TrainOptions& options, const LlamaModule& module, const TrainFigures& figures,
                       const std::string& sha256) {
  const LlamaShape& shape = module.shape();
  std::string text = fmt::format(
      "---\nlicense: {}\nlibrary_name: transformers\ntags: [llama, speculative-decoding]\n---\n", options.license);
  text += fmt::format("# {}\n\n", options.title);
  text += fmt::format("A Llama-shaped decoder of {:.2f} million parameters, written by `dynexec train{}`.\n{}\n",
                      static_cast<double>(shape.parameters()) / 1e6,
                      options.config_path.empty() ? "" : " " + options.config_path,
                      figures.finished ? "" : "**Written in the middle of the run: not the final weights.**\n");
  text += "It answers the procedural reasoning task of this project and nothing else: no general language ability.\n\n";
  text += "## Network\n\n| | |\n|---|---|\n";
  text += fmt::format("| vocabulary | {} ids, byte-level BPE, single digits |\n", shape.vocab);
  text += fmt::format("| width, layers | {}, {} |\n", shape.width, shape.layers);
  text += fmt::format("| heads, key-value heads, head size | {}, {}, {} |\n", shape.heads, shape.kv_heads,
                      shape.head_dim());
  text += fmt::format("| feed-forward width | {} (SiLU, gated) |\n", shape.ffn);
  text += fmt::format("| positions | {} (RoPE, base {}) |\n", shape.max_positions, shape.rope_theta);
  text += "| head | tied to the embedding |\n| weights | fp16 safetensors |\n";
  if (options.exit_layer > 0) {
    text += fmt::format("| early exit | after layer {}, through the final norm and head (loss weight {}) |\n",
                        options.exit_layer, options.exit_weight);
  }
  const auto& problems = options.text.problems;
  text += "\n## Training\n\n| | |\n|---|---|\n";
  text += fmt::format("| texts | reasoning task, split `train`, seed {}; families {}; difficulties {} |\n",
                      problems.seed, list(problems.families), list(problems.difficulties));
  if (!options.start_from.empty()) text += fmt::format("| weights at the start | {} |\n", options.start_from);
  text += fmt::format("| tokens seen | {} (questions included, padding not) |\n", figures.tokens);
  text += fmt::format("| steps, padded tokens a step | {} of {}, at most {} x {} |\n", figures.steps,
                      options.optimiser.steps, options.text.batches_per_step, options.text.batch_tokens);
  text += fmt::format(
      "| loss on | worked solutions{} |\n",
      options.text.prompt_weight > 0 ? fmt::format(", and questions with weight {}", options.text.prompt_weight) : "");
  text +=
      fmt::format("| curriculum | largest difficulty grows over the first {:.0f} % |\n", 100 * options.text.curriculum);
  text += fmt::format(
      "| optimiser | {}, peak rate {}, cosine to {} of it, warm-up {} steps, betas {}/{}, decay {} on matrices, clip "
      "{} |\n",
      options.optimiser.kind == "muon"
          ? fmt::format("Muon (momentum {}) on the layers' matrices, AdamW on the rest", options.optimiser.momentum)
          : "AdamW",
      options.optimiser.learning_rate, options.optimiser.final_share, options.optimiser.warmup, options.optimiser.beta1,
      options.optimiser.beta2, options.optimiser.weight_decay, options.optimiser.clip);
  if (!options.distil.teacher.empty()) {
    text += fmt::format("| distilled from | {}: KL at temperature {} with weight {} from {:.0f} % of the steps on |\n",
                        options.distil.teacher, options.distil.temperature, options.distil.weight,
                        100 * options.distil.start);
  }
  text += fmt::format("| precision | {} products, fp32 weights and sums |\n", figures.precision);
  text += fmt::format("| seed, threads | {}, {} |\n", options.seed, options.threads);
  text += fmt::format("| wall time | {} |\n", format_duration(figures.seconds));
  text += "\n## Figures\n\n| | |\n|---|---|\n";
  if (figures.loss >= 0) text += fmt::format("| training loss, last steps | {:.4f} |\n", figures.loss);
  text += fmt::format("| loss on the calibration split ({} problems) | {:.4f} |\n", options.eval_samples,
                      figures.eval_loss);
  if (options.exit_layer > 0) text += fmt::format("| the same at the early exit | {:.4f} |\n", figures.exit_eval_loss);
  text +=
      "\nLosses are nats per solution token. Exact match by family and difficulty: `dynexec bench` on the reasoning "
      "task.\n";
  text += fmt::format("\nSHA-256 of model.safetensors: `{}`\n", sha256);
  return text;
}

}  // namespace dynexec
