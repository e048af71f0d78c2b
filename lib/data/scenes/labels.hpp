// What a classifier of scenes predicts, and how captions are checked against it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/scenes/promises.hpp"
#include "data/scenes/scene.hpp"

namespace dynexec::scenes {

// The label vector: yes or no for each of
//   background/COLOUR            one of them holds
//   texture/TEXTURE              one of them holds
//   count/N                      objects, 1 to 4; one of them holds
//   object/COLOUR SHAPE          there is such an object
//   size/SIZE COLOUR             there is an object of that colour and size
//   relation/COLOUR left of COLOUR, relation/COLOUR above COLOUR
//                                both objects are there and lie so; for each ordered pair of different colours
// The groups stand in this order.
struct LabelGroup {
  std::string name;
  std::size_t first = 0, count = 0;
  bool exclusive = false;  // exactly one holds: a softmax over the group, where others are sigmoids
};
const std::vector<LabelGroup>& label_groups();
const std::vector<std::string>& label_names();

struct SceneLabels {
  std::vector<std::uint8_t> values;    // 1: holds in the picture
  std::vector<std::uint8_t> known;     // 0: the picture is between, as for a relation of objects that lie aslant
  std::vector<std::uint8_t> promised;  // 1: captions say so; all these hold
};
SceneLabels label_scene(const Scene& scene);  // Error(data) unless it has 1 to 4 objects

// The labels that must hold in a picture for these promises, ascending. Error(data) unless 1 to 4 objects are promised.
std::vector<std::size_t> promised_labels(const Promises& promises);

struct Agreement {
  std::size_t held = 0, promised = 0;

  double share() const { return static_cast<double>(held) / static_cast<double>(promised); }
};

// How many of the promises hold in a picture for which a classifier gives these probabilities, one a label: the most
// probable of an exclusive group, and of the others those of at least one half.
Agreement check_promises(const Promises& promises, std::span<const float> probabilities);
Agreement check_caption(std::string_view caption, std::span<const float> probabilities);

}  // namespace dynexec::scenes
