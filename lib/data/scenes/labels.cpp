#include "data/scenes/labels.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"

namespace dynexec::scenes {
namespace {

// Groups in their order.
enum Group : std::size_t { kBackground, kTexture, kCount, kObject, kSize, kLeft, kAbove };

struct Catalogue {
  std::vector<LabelGroup> groups;
  std::vector<std::string> names;

  void add(const char* group, bool exclusive, const std::vector<std::string>& labels) {
    groups.push_back({group, names.size(), labels.size(), exclusive});
    for (const std::string& label : labels) names.push_back(fmt::format("{}/{}", group, label));
  }
};

std::vector<std::string> products(std::span<const std::string_view> firsts, std::string_view between,
                                  std::span<const std::string_view> seconds, bool different) {
  std::vector<std::string> labels;
  for (const std::string_view first : firsts)
    for (const std::string_view second : seconds)
      if (!different || first != second) labels.push_back(fmt::format("{}{}{}", first, between, second));
  return labels;
}

const Catalogue& catalogue() {
  static const Catalogue built = [] {
    Catalogue made;
    const auto colours = colour_names();
    const auto listed = [](std::span<const std::string_view> names) {
      return std::vector<std::string>(names.begin(), names.end());
    };
    made.add("background", true, listed(background_names()));
    made.add("texture", true, listed(texture_names()));
    made.add("count", true, {"1", "2", "3", "4"});
    made.add("object", false, products(colours, " ", shape_names(), false));
    made.add("size", false, products(size_names(), " ", colours, false));
    made.add("relation", false, products(colours, " left of ", colours, true));
    made.add("relation", false, products(colours, " above ", colours, true));
    return made;
  }();
  return built;
}

std::size_t label_of(Group group, int number) {
  return catalogue().groups[group].first + static_cast<std::size_t>(number);
}

std::size_t count_label(std::size_t objects) {
  if (objects < 1 || objects > kMaxObjects)
    throw Error(ErrorKind::data, fmt::format("a scene of {} objects has no labels", objects), "scene labels",
                fmt::format("use 1 to {} objects", kMaxObjects));
  return label_of(kCount, static_cast<int>(objects) - 1);
}

std::size_t object_label(int colour, int shape) {
  return label_of(kObject, colour * static_cast<int>(shape_names().size()) + shape);
}

std::size_t size_label(Size size, int colour) {
  return label_of(kSize, static_cast<int>(size) * static_cast<int>(colour_names().size()) + colour);
}

// Of "left of" or "above".
std::size_t relation_label(Direction direction, int first, int second) {
  const int others = static_cast<int>(colour_names().size()) - 1;
  return label_of(direction == Direction::left ? kLeft : kAbove,
                  first * others + (second > first ? second - 1 : second));
}

bool holds(std::size_t label, std::span<const float> probabilities) {
  for (const LabelGroup& group : label_groups()) {
    if (label >= group.first + group.count) continue;
    if (!group.exclusive) break;
    const auto first = probabilities.begin() + static_cast<std::ptrdiff_t>(group.first);
    const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(group.count));
    return best - probabilities.begin() == static_cast<std::ptrdiff_t>(label);
  }
  return probabilities[label] >= 0.5F;
}

}  // namespace

const std::vector<LabelGroup>& label_groups() {
  return catalogue().groups;
}

const std::vector<std::string>& label_names() {
  return catalogue().names;
}

SceneLabels label_scene(const Scene& scene) {
  const std::size_t count = label_names().size();
  SceneLabels labels{std::vector<std::uint8_t>(count, 0), std::vector<std::uint8_t>(count, 1),
                     std::vector<std::uint8_t>(count, 0)};
  labels.values[label_of(kBackground, scene.background)] = 1;
  labels.values[label_of(kTexture, static_cast<int>(scene.texture))] = 1;
  labels.values[count_label(scene.objects.size())] = 1;
  for (const Object& object : scene.objects) {
    labels.values[object_label(object.colour, object.shape)] = 1;
    labels.values[size_label(object.size, object.colour)] = 1;
    for (const Object& other : scene.objects) {
      if (other.colour == object.colour) continue;
      for (const Direction direction : {Direction::left, Direction::above}) {
        const double far = lean(object, direction, other);
        const std::size_t label = relation_label(direction, object.colour, other.colour);
        labels.values[label] = far >= kHolds ? 1 : 0;
        labels.known[label] = far >= kHolds || far < kFails ? 1 : 0;
      }
    }
  }
  for (const std::size_t label : promised_labels(scene.promises)) labels.promised[label] = 1;
  return labels;
}

std::vector<std::size_t> promised_labels(const Promises& promises) {
  std::vector<std::size_t> labels;
  if (promises.background) labels.push_back(label_of(kBackground, *promises.background));
  if (promises.texture) labels.push_back(label_of(kTexture, static_cast<int>(*promises.texture)));
  labels.push_back(count_label(promises.objects.size()));
  for (const PromisedObject& object : promises.objects) {
    labels.push_back(object_label(object.colour, object.shape));
    if (object.size) labels.push_back(size_label(*object.size, object.colour));
  }
  for (const Relation& relation : canonical(promises).relations)
    labels.push_back(relation_label(relation.direction, relation.first, relation.second));
  std::sort(labels.begin(), labels.end());
  return labels;
}

Agreement check_promises(const Promises& promises, std::span<const float> probabilities) {
  if (probabilities.size() != label_names().size())
    throw Error(ErrorKind::data,
                fmt::format("{} probabilities for {} labels", probabilities.size(), label_names().size()),
                "scene labels", "use a classifier that was trained on the labels of scenes");
  Agreement agreement;
  for (const std::size_t label : promised_labels(promises)) {
    ++agreement.promised;
    if (holds(label, probabilities)) ++agreement.held;
  }
  return agreement;
}

Agreement check_caption(std::string_view caption, std::span<const float> probabilities) {
  return check_promises(parse_caption(caption), probabilities);
}

}  // namespace dynexec::scenes
