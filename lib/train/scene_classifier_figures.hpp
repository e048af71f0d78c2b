// How well a classifier of scenes does, and the README.md of its folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "train/backbone.hpp"
#include "train/scene_batches.hpp"

namespace dynexec {

struct GroupFigures {
  std::string name;
  std::size_t labels = 0;
  // Of an exclusive group: pictures whose most probable label is right. Of others: labels that are known, of all
  // pictures, told right.
  double accuracy = 0;
  double found = 0;  // share of the labels that hold which are told to
  double right = 0;  // share of the labels told to hold which do
};

struct SceneFigures {
  double loss = 0;                      // scene_loss()
  double promises = 0;                  // share of what captions promise that holds, as check_promises() tells
  double disturbed = 0;                 // the same of disturbed pictures
  std::map<std::string, double> share;  // the first, by complexity
  std::vector<GroupFigures> groups;     // groups of one name are one
};

// Of a network's logits for these scenes. scenes: not empty.
SceneFigures scene_figures(Backbone& network, std::span<const CaptionedScene> scenes,
                           const SceneClassifierOptions& options);

struct SceneClassifierRecord {
  std::int64_t steps = 0, parameters = 0;
  double seconds = 0, loss = 0;  // loss: of the last steps
  std::string sha256;
};

std::string scene_classifier_card(const SceneClassifierOptions& options, const SceneFigures& figures,
                                  const SceneClassifierRecord& record);

}  // namespace dynexec
