// What a caption promises about its picture.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "data/scenes/words.hpp"

namespace dynexec::scenes {

inline constexpr std::size_t kMaxObjects = 4;

struct PromisedObject {
  int colour = 0;  // no two objects of a scene have the same
  int shape = 0;
  std::optional<Size> size;

  auto operator<=>(const PromisedObject&) const = default;
};

// The object of the first colour lies in this direction from the object of the second.
struct Relation {
  Direction direction = Direction::left;
  int first = 0, second = 0;  // colours

  auto operator<=>(const Relation&) const = default;
};

// What is not listed is open, but for the objects: a picture has those of its caption and no others.
struct Promises {
  std::vector<PromisedObject> objects;
  std::optional<int> background;  // its colour
  std::optional<Texture> texture;
  std::vector<Relation> relations;

  bool operator==(const Promises&) const = default;
};

Direction opposite(Direction direction);

// The same promises in the one order and form that all captions of them share: objects and relations sorted, only
// "left of" and "above".
Promises canonical(const Promises& promises);

// The canonical form in words, for example "red disk, small blue square; left of red blue; gray; stripes".
std::string describe(const Promises& promises);

}  // namespace dynexec::scenes
