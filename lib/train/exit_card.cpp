#include "train/exit_card.hpp"

#include <fmt/format.h>

#include "base/progress.hpp"

namespace dynexec {

std::string exit_card(const ExitTrainOptions& options, const ExitFigures& figures) {
  std::string text = fmt::format("---\nlicense: {}\ntags: [early-exit]\n---\n# {}\n\n", options.license, options.title);
  text += fmt::format(
      "{}, with {} exit heads of kind {}, written by `dynexec train{}`.\n{}\n", figures.origin, figures.places.size(),
      options.head, options.config_path.empty() ? "" : " " + options.config_path,
      figures.steps < options.optimiser.steps ? "**Written in the middle of the run: not the final weights.**\n" : "");
  text += "| | |\n|---|---|\n";
  text += fmt::format("| images | {} |\n", figures.data);
  text += fmt::format("| optimiser | AdamW, {} steps of {}, peak rate {}, cosine to {} of it, decay {} |\n",
                      figures.steps, options.batch, options.optimiser.learning_rate, options.optimiser.final_share,
                      options.optimiser.weight_decay);
  if (options.backbone.empty())
    text += fmt::format(
        "| loss | sum of the heads' cross-entropies and {} x the network's own{} |\n", options.final_weight,
        options.start > 0 ? fmt::format("; the heads join after {:.0f} % of the steps", 100 * options.start) : "");
  text += fmt::format("| loss, last steps | {:.4f} (mean over the heads) |\n", figures.loss);
  text += fmt::format("| seed, threads, wall time | {}, {}, {} |\n\n", options.seed, options.threads,
                      format_duration(figures.seconds));
  text += fmt::format("Accuracy on {} images that were not trained on:\n\n| exit after | accuracy |\n|---|---|\n",
                      options.data.evaluation);
  for (std::size_t head = 0; head < figures.places.size(); ++head)
    text += fmt::format("| {} | {:.4f} |\n", figures.places[head], figures.accuracies[head]);
  text += fmt::format("| the whole network | {:.4f} |\n\nSHA-256 of model.safetensors: `{}`\n", figures.full_accuracy,
                      figures.sha256);
  return text;
}

}  // namespace dynexec
