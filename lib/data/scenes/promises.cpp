#include "data/scenes/promises.hpp"

#include <algorithm>

namespace dynexec::scenes {
namespace {

template <class Value>
std::string name(std::span<const std::string_view> names, Value value) {
  return std::string(names[static_cast<std::size_t>(value)]);
}

}  // namespace

Direction opposite(Direction direction) {
  switch (direction) {
    case Direction::left:
      return Direction::right;
    case Direction::right:
      return Direction::left;
    case Direction::above:
      return Direction::below;
    default:
      return Direction::above;
  }
}

Promises canonical(const Promises& promises) {
  Promises sorted = promises;
  std::sort(sorted.objects.begin(), sorted.objects.end());
  for (Relation& relation : sorted.relations) {
    if (relation.direction != Direction::right && relation.direction != Direction::below) continue;
    relation = {opposite(relation.direction), relation.second, relation.first};
  }
  std::sort(sorted.relations.begin(), sorted.relations.end());
  sorted.relations.erase(std::unique(sorted.relations.begin(), sorted.relations.end()), sorted.relations.end());
  return sorted;
}

std::string describe(const Promises& promises) {
  const Promises sorted = canonical(promises);
  std::string text;
  for (const PromisedObject& object : sorted.objects) {
    if (!text.empty()) text += ", ";
    if (object.size) text += name(size_names(), *object.size) + " ";
    text += name(colour_names(), object.colour) + " " + name(shape_names(), object.shape);
  }
  for (const Relation& relation : sorted.relations)
    text += "; " + name(direction_names(), relation.direction) + " " + name(colour_names(), relation.first) + " " +
            name(colour_names(), relation.second);
  if (sorted.background) text += "; " + name(background_names(), *sorted.background);
  if (sorted.texture) text += "; " + name(texture_names(), *sorted.texture);
  return text;
}

}  // namespace dynexec::scenes
