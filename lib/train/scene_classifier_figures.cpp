#include "train/scene_classifier_figures.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "data/scenes/labels.hpp"

namespace dynexec {
namespace {

struct Answers {
  std::vector<std::vector<float>> probabilities;  // of each scene
  double loss = 0;
};

Answers answers_of(Backbone& network, std::span<const CaptionedScene> scenes, const Disturbance* disturbance,
                   const SceneClassifierOptions& options) {
  const c10::NoGradGuard no_grad;
  const PictureLabels labels = scene_picture_labels();
  Answers answers;
  for (std::size_t first = 0; first < scenes.size(); first += static_cast<std::size_t>(options.batch)) {
    const std::size_t count = std::min(static_cast<std::size_t>(options.batch), scenes.size() - first);
    const SceneBatch batch = scene_batch(scenes.subspan(first, count), disturbance, first);
    const at::Tensor logits = network.forward(batch.pictures, {}, false, true).logits.contiguous();
    answers.loss += scene_loss(labels, logits, batch).item<double>() * static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = logits.const_data_ptr<float>() + i * labels.names.size();
      answers.probabilities.emplace_back(row, row + labels.names.size());
      to_probabilities(labels, answers.probabilities.back());
    }
  }
  answers.loss /= static_cast<double>(scenes.size());
  return answers;
}

// Counts of one group over many pictures.
struct Tally {
  std::size_t labels = 0;
  double asked = 0, correct = 0, hold = 0, told = 0, both = 0;
};

void count(const scenes::LabelGroup& group, const scenes::SceneLabels& truth, std::span<const float> probabilities,
           Tally& tally) {
  const auto first = probabilities.begin() + static_cast<std::ptrdiff_t>(group.first);
  const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(group.count));
  for (std::size_t label = group.first; label < group.first + group.count; ++label) {
    if (truth.known[label] == 0) continue;
    const bool holds = truth.values[label] == 1;
    const bool told = group.exclusive ? best - probabilities.begin() == static_cast<std::ptrdiff_t>(label)
                                      : probabilities[label] >= 0.5F;
    tally.hold += holds ? 1 : 0;
    tally.told += told ? 1 : 0;
    tally.both += holds && told ? 1 : 0;
    if (!group.exclusive) tally.asked += 1, tally.correct += holds == told ? 1 : 0;
  }
  if (group.exclusive) tally.asked = tally.hold, tally.correct = tally.both;
}

double promised_share(std::span<const CaptionedScene> scenes, const Answers& answers) {
  scenes::Agreement all;
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    const scenes::Agreement one = scenes::check_promises(scenes[i].scene.promises, answers.probabilities[i]);
    all.held += one.held;
    all.promised += one.promised;
  }
  return all.share();
}

}  // namespace

SceneFigures scene_figures(Backbone& network, std::span<const CaptionedScene> scenes,
                           const SceneClassifierOptions& options) {
  const Answers clean = answers_of(network, scenes, nullptr, options);
  SceneFigures figures{.loss = clean.loss,
                       .promises = promised_share(scenes, clean),
                       .disturbed = promised_share(scenes, answers_of(network, scenes, &options.disturbance, options)),
                       .share = {},
                       .groups = {}};
  std::map<std::string, scenes::Agreement> agreements;
  std::vector<std::pair<std::string, Tally>> tallies;
  for (const scenes::LabelGroup& group : scenes::label_groups()) {
    if (tallies.empty() || tallies.back().first != group.name) tallies.push_back({group.name, {}});
    tallies.back().second.labels += group.count;
  }
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    const std::vector<float>& probabilities = clean.probabilities[i];
    const scenes::SceneLabels truth = scenes::label_scene(scenes[i].scene);
    auto tally = tallies.begin();
    for (const scenes::LabelGroup& group : scenes::label_groups()) {
      if (tally->first != group.name) ++tally;
      count(group, truth, probabilities, tally->second);
    }
    const scenes::Agreement one = scenes::check_promises(scenes[i].scene.promises, probabilities);
    scenes::Agreement& sum = agreements[fmt::format("complexity/{}", scenes[i].complexity)];
    sum.held += one.held;
    sum.promised += one.promised;
  }
  for (const auto& [name, agreement] : agreements) figures.share[name] = agreement.share();
  for (const auto& [name, tally] : tallies)
    figures.groups.push_back({name, tally.labels, tally.correct / std::max(tally.asked, 1.0),
                              tally.both / std::max(tally.hold, 1.0), tally.both / std::max(tally.told, 1.0)});
  return figures;
}

}  // namespace dynexec
