// Scenes: objects on a background, of five complexities.
#pragma once

#include <vector>

#include "base/random.hpp"
#include "data/scenes/promises.hpp"

namespace dynexec::scenes {

inline constexpr int kMinComplexity = 1;
inline constexpr int kMaxComplexity = 5;
inline constexpr int kImageSize = 32;  // pixels, both ways

struct Object {
  int colour = 0;
  int shape = 0;
  Size size = Size::small;
  double x = 0, y = 0, radius = 1;  // pixels; x to the right, y downwards
};

struct Scene {
  int background = 0;
  Texture texture = Texture::plain;
  std::vector<Object> objects;
  Promises promises;  // what its captions say
};

// Draws a scene, and what its captions say of it:
//   1  one object: its colour and shape
//   2  one object, with its size and the colour of the background
//   3  two objects and where one lies from the other
//   4  two or three objects, the colour and texture of the background, some of the sizes
//   5  three or four objects with two or three relations, the colour and texture of the background, some of the sizes
// Backgrounds of which captions do not give the texture are plain. Objects have different colours and do not overlap.
Scene draw_scene(RandomStream& random, int complexity);

// Another scene of the same promises (as parse_caption() gives them), with what they leave open drawn anew. Error(data)
// when there is none: for objects that do not stand out from the background, or relations that contradict each other.
Scene draw_scene_of(const Promises& promises, RandomStream& random);

// How far `of` lies in this direction from `from`, against across: how many times as far, 0 on the other side.
double lean(const Object& of, Direction direction, const Object& from);

// Relations hold from kHolds on, and do not below kFails; between is neither.
inline constexpr double kHolds = 1.4, kFails = 1.0;

}  // namespace dynexec::scenes
