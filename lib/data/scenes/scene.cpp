#include "data/scenes/scene.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "data/scenes/palette.hpp"

namespace dynexec::scenes {
namespace {

constexpr int kPlaces = 40, kLayouts = 100000;
constexpr double kMargin = 0.75, kGap = 0.75;  // pixels to the image's edge and between objects

int below(RandomStream& random, std::size_t bound) {
  return static_cast<int>(random.below(bound));
}

double between(RandomStream& random, double low, double high) {
  return low + (high - low) * random.uniform();
}

bool chance(RandomStream& random, double probability) {
  return random.uniform() < probability;
}

bool all_stand_out(const std::vector<PromisedObject>& objects, int background) {
  return std::all_of(objects.begin(), objects.end(),
                     [&](const PromisedObject& object) { return stands_out(object.colour, background); });
}

// What the captions of a scene say, but for the relations.
Promises draw_content(int complexity, RandomStream& random) {
  Promises promises;
  const int background = below(random, background_names().size());
  if (complexity == 2 || complexity >= 4) promises.background = background;
  if (complexity >= 4) promises.texture = static_cast<Texture>(below(random, kTextures));
  std::vector<int> colours(colour_names().size());
  std::iota(colours.begin(), colours.end(), 0);
  std::erase_if(colours, [&](int colour) { return !stands_out(colour, background); });
  random.shuffle(colours);
  const int few = complexity <= 2 ? 1 : complexity <= 4 ? 2 : 3;
  const int count = few + (complexity >= 4 ? below(random, 2) : 0);
  for (int i = 0; i < count; ++i) {
    PromisedObject object{
        .colour = colours.at(static_cast<std::size_t>(i)), .shape = below(random, shape_names().size()), .size = {}};
    const double said = complexity == 2 ? 1 : complexity >= 4 ? 0.35 : 0;
    if (chance(random, said)) object.size = static_cast<Size>(below(random, kSizes));
    promises.objects.push_back(object);
  }
  return promises;
}

int draw_background(const Promises& promises, RandomStream& random) {
  std::vector<int> fitting;
  for (int i = 0; i < static_cast<int>(background_names().size()); ++i)
    if ((!promises.background || *promises.background == i) && all_stand_out(promises.objects, i)) fitting.push_back(i);
  if (fitting.empty())
    throw Error(ErrorKind::data, "an object of the scene does not stand out from its background", describe(promises),
                "choose another colour for the object or the background");
  return fitting[static_cast<std::size_t>(random.below(fitting.size()))];
}

Object draw_object(const PromisedObject& promised, RandomStream& random) {
  Object object{.colour = promised.colour, .shape = promised.shape};
  const auto size = static_cast<Size>(below(random, kSizes));
  object.size = promised.size.value_or(size);
  object.radius = object.size == Size::small ? between(random, 3.9, 4.5) : between(random, 5.9, 7.3);
  return object;
}

bool fits(const Object& object, const Scene& scene) {
  for (const Object& other : scene.objects) {
    if (std::hypot(object.x - other.x, object.y - other.y) < object.radius + other.radius + kGap) return false;
    for (const Relation& relation : scene.promises.relations) {
      if (relation.first == object.colour && relation.second == other.colour &&
          lean(object, relation.direction, other) < kHolds)
        return false;
      if (relation.first == other.colour && relation.second == object.colour &&
          lean(other, relation.direction, object) < kHolds)
        return false;
    }
  }
  return true;
}

// Adds an object for each promised one at a place that fits; false when there was none in so many tries.
bool lay_out(Scene& scene, RandomStream& random) {
  scene.objects.clear();
  for (const PromisedObject& promised : scene.promises.objects) {
    Object object = draw_object(promised, random);
    const double low = object.radius + kMargin, high = kImageSize - low;
    int place = 0;
    do {
      if (++place > kPlaces) return false;
      object.x = between(random, low, high);
      object.y = between(random, low, high);
    } while (!fits(object, scene));
    scene.objects.push_back(object);
  }
  return true;
}

// Promises `count` relations that hold, each of an object not related before; false when there are not so many.
bool relate(Scene& scene, std::size_t count, RandomStream& random) {
  std::vector<Relation> holding;
  for (const Object& first : scene.objects)
    for (const Object& second : scene.objects)
      for (int d = 0; d < kDirections; ++d)
        if (first.colour != second.colour && lean(first, static_cast<Direction>(d), second) >= kHolds)
          holding.push_back({static_cast<Direction>(d), first.colour, second.colour});
  random.shuffle(holding);
  std::vector<int> related;
  const auto known = [&](int colour) { return std::find(related.begin(), related.end(), colour) != related.end(); };
  for (const Relation& relation : holding) {
    if (scene.promises.relations.size() == count) break;
    if (known(relation.first) && known(relation.second)) continue;
    scene.promises.relations.push_back(relation);
    related.push_back(relation.first);
    related.push_back(relation.second);
  }
  return scene.promises.relations.size() == count;
}

}  // namespace

double lean(const Object& of, Direction direction, const Object& from) {
  const double right = of.x - from.x, down = of.y - from.y;
  const bool level = direction == Direction::left || direction == Direction::right;
  const bool forward = direction == Direction::right || direction == Direction::below;
  const double along = (level ? right : down) * (forward ? 1 : -1), across = std::abs(level ? down : right);
  return along <= 0 ? 0 : along / std::max(across, 1e-9);
}

Scene draw_scene_of(const Promises& promises, RandomStream& random) {
  Scene scene;
  scene.promises = promises;
  scene.background = draw_background(promises, random);
  scene.texture = promises.texture.value_or(Texture::plain);
  for (int layout = 0; layout < kLayouts; ++layout)
    if (lay_out(scene, random)) return scene;
  throw Error(ErrorKind::data, "no picture of the scene was found", describe(promises),
              "check that its relations do not contradict each other");
}

Scene draw_scene(RandomStream& random, int complexity) {
  const Promises content = draw_content(complexity, random);
  const std::size_t relations = complexity == 3 ? 1 : complexity == 5 ? content.objects.size() - 1 : 0;
  for (;;) {
    Scene scene = draw_scene_of(content, random);
    if (relate(scene, relations, random)) return scene;
  }
}

}  // namespace dynexec::scenes
