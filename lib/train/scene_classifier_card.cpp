#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/progress.hpp"
#include "data/scenes/labels.hpp"
#include "train/scene_classifier_figures.hpp"

namespace dynexec {

std::string scene_classifier_card(const SceneClassifierOptions& options, const SceneFigures& figures,
                                  const SceneClassifierRecord& record) {
  const Disturbance& disturbance = options.disturbance;
  const OptimiserOptions& optimiser = options.optimiser;
  std::string text =
      fmt::format("---\nlicense: {}\ntags: [image-classification]\n---\n# {}\n\n", options.license, options.title);
  text += fmt::format(
      "A classifier of {:.2f} million parameters, written by `dynexec train{}`. It says which of {} labels hold in a "
      "picture of the procedural scene task ({} x {}, values in [0, 1]), to score pictures that were generated, and "
      "nothing else.\n\n",
      static_cast<double>(record.parameters) / 1e6, options.config_path.empty() ? "" : " " + options.config_path,
      scenes::label_names().size(), scenes::kImageSize, scenes::kImageSize);
  text += "| | |\n|---|---|\n";
  text += fmt::format("| pictures | scene task, split `train`, seed {}, complexities {}; each seen once |\n",
                      options.scenes.seed, fmt::join(options.scenes.complexities, ", "));
  text += fmt::format("| disturbed by, at most | noise {}, blur {}, light {} |\n", disturbance.noise, disturbance.blur,
                      disturbance.light);
  text += "| loss | sum of the exclusive groups' cross-entropies and the other labels' binary cross-entropies |\n";
  text += fmt::format("| optimiser | AdamW, {} steps of {}, peak rate {}, cosine to {} of it, warm-up {}, decay {} |\n",
                      record.steps, options.batch, optimiser.learning_rate, optimiser.final_share, optimiser.warmup,
                      optimiser.weight_decay);
  text += fmt::format("| training loss, last steps | {:.4f} |\n| loss on the calibration split | {:.4f} |\n",
                      record.loss, figures.loss);
  text += fmt::format("| seed, threads, wall time | {}, {}, {} |\n\n", options.seed, options.threads,
                      format_duration(record.seconds));
  text += fmt::format(
      "On {} scenes of the calibration split. An exclusive group is right where its most probable label is; another "
      "label is told to hold from one half on.\n\n| labels | count | accuracy | found of those that hold | right of "
      "those told |\n|---|---|---|---|---|\n",
      options.evaluation);
  for (const GroupFigures& group : figures.groups)
    text += fmt::format("| {} | {} | {:.4f} | {:.4f} | {:.4f} |\n", group.name, group.labels, group.accuracy,
                        group.found, group.right);
  text +=
      "\nShare of what captions promise that the classifier finds in their pictures:\n\n| pictures | share |\n"
      "|---|---|\n";
  text += fmt::format("| all | {:.4f} |\n", figures.promises);
  for (const auto& [name, share] : figures.share) text += fmt::format("| {} | {:.4f} |\n", name, share);
  text += fmt::format("| all, disturbed | {:.4f} |\n\nSHA-256 of model.safetensors: `{}`\n", figures.disturbed,
                      record.sha256);
  return text;
}

}  // namespace dynexec
