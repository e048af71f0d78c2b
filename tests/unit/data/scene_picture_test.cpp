#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"
#include "data/scenes/labels.hpp"
#include "data/scenes/palette.hpp"
#include "data/scenes/render.hpp"

using namespace dynexec;
using namespace dynexec::scenes;

namespace {

constexpr std::size_t kPixels = 32 * 32;

Rgb pixel(const std::vector<float>& image, std::size_t at) {
  return {image[at], image[kPixels + at], image[2 * kPixels + at]};
}

// The object whose colour is nearest, -1 when one of the background's tones is.
int nearest_object(const Scene& scene, const Rgb& colour) {
  const Tones& tones = background_tones(scene.background);
  double best = std::min(distance(colour, tones.base), distance(colour, tones.second));
  int found = -1;
  for (const Object& object : scene.objects) {
    const double far = distance(colour, object_colour(object.colour));
    if (far >= best) continue;
    best = far;
    found = object.colour;
  }
  return found;
}

std::size_t label(const std::string& name) {
  const auto& names = label_names();
  const auto found = std::find(names.begin(), names.end(), name);
  CAPTURE(name);
  REQUIRE(found != names.end());
  return static_cast<std::size_t>(found - names.begin());
}

std::vector<float> as_probabilities(const SceneLabels& labels) {
  return {labels.values.begin(), labels.values.end()};
}

// A red disk (small) above and a little left of a blue ring (large), on stripes.
Scene by_hand() {
  Scene scene;
  scene.background = 0;
  scene.texture = Texture::stripes;
  scene.objects = {{.colour = 0, .shape = 0, .size = Size::small, .x = 10, .y = 6, .radius = 4},
                   {.colour = 4, .shape = 4, .size = Size::large, .x = 14, .y = 20, .radius = 7}};
  scene.promises = parse_caption("a small red disk above a blue ring on a striped background");
  return scene;
}

}  // namespace

TEST_CASE("scene pictures: objects show in their colours where they are, and nowhere else") {
  for (std::uint64_t i = 0; i < 400; ++i) {
    const int complexity = static_cast<int>(i % 5) + 1;
    RandomStream random(3, i, 0, 0);
    const Scene scene = draw_scene(random, complexity);
    const std::vector<float> image = render(scene, random);
    REQUIRE(image.size() == 3 * kPixels);
    CHECK(std::all_of(image.begin(), image.end(), [](float value) { return value >= 0 && value <= 1; }));
    for (const Object& object : scene.objects) {
      double own = 0, x = 0, y = 0, outside = 0, close = 0;
      for (std::size_t at = 0; at < kPixels; ++at) {
        const double column = static_cast<double>(at % 32) + 0.5, row = static_cast<double>(at / 32) + 0.5;
        if (distance(pixel(image, at), object_colour(object.colour)) < 0.08) ++close;
        if (nearest_object(scene, pixel(image, at)) != object.colour) continue;
        const double far = std::hypot(column - object.x, row - object.y);
        // An edge between two other colours may look like a third: only pixels near the object tell where it is.
        if (far > 1.25 * object.radius + 1) {
          ++outside;
          continue;
        }
        ++own;
        x += column;
        y += row;
      }
      CAPTURE(caption(scene, random));
      CHECK(close >= (object.size == Size::small ? 6 : 25));
      CHECK(own >= (object.size == Size::small ? 10 : 30));
      CHECK(std::hypot(x / own - object.x, y / own - object.y) < 0.25 * object.radius);
      if (scene.objects.size() == 1) CHECK(outside == 0);
    }
  }
}

TEST_CASE("scene pictures: textures differ, and plain is plain") {
  for (int background = 0; background < static_cast<int>(background_names().size()); ++background)
    for (int texture = 0; texture < kTextures; ++texture) {
      Scene scene;
      scene.background = background;
      scene.texture = static_cast<Texture>(texture);
      RandomStream random(4, 0, 0, 0);
      const std::vector<float> image = render(scene, random);
      const Tones& tones = background_tones(background);
      std::size_t base = 0, second = 0;
      for (std::size_t at = 0; at < kPixels; ++at) {
        base += distance(pixel(image, at), tones.base) < 0.09 ? 1 : 0;
        second += distance(pixel(image, at), tones.second) < 0.09 ? 1 : 0;
      }
      CAPTURE(background);
      CAPTURE(texture);
      CHECK(base >= (texture == 0 ? kPixels : 120));
      if (texture == 0) CHECK(second == 0);
      if (texture != 0) CHECK(second >= 100);
    }
}

TEST_CASE("scene labels: a scene made by hand") {
  const SceneLabels labels = label_scene(by_hand());
  std::vector<std::string> on, promised;
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] != 0) on.push_back(label_names()[i]);
    if (labels.promised[i] != 0) promised.push_back(label_names()[i]);
  }
  CHECK(on == std::vector<std::string>{"background/gray", "texture/stripes", "count/2", "object/red disk",
                                       "object/blue ring", "size/small red", "size/large blue",
                                       "relation/red above blue"});
  CHECK(promised == std::vector<std::string>{"texture/stripes", "count/2", "object/red disk", "object/blue ring",
                                             "size/small red", "relation/red above blue"});
  CHECK(std::count(labels.known.begin(), labels.known.end(), 0) == 0);

  Scene aslant = by_hand();
  aslant.objects[1].x = 22;  // 12 to the right, 14 down
  const SceneLabels open = label_scene(aslant);
  CHECK(open.known[label("relation/red above blue")] == 0);
  CHECK(open.known[label("relation/red left of blue")] == 1);
  CHECK(open.values[label("relation/red left of blue")] == 0);
  CHECK(open.known[label("relation/blue above red")] == 1);
}

TEST_CASE("scene labels: groups cover all labels, exclusive groups hold once, promises hold") {
  CHECK(label_names().size() == 191);
  std::size_t next = 0;
  for (const LabelGroup& group : label_groups()) {
    CHECK(group.first == next);
    next += group.count;
    for (std::size_t i = group.first; i < next; ++i) CHECK(label_names()[i].starts_with(group.name + "/"));
  }
  CHECK(next == label_names().size());
  for (std::uint64_t i = 0; i < 1000; ++i) {
    RandomStream random(6, i, 0, 0);
    const Scene scene = draw_scene(random, static_cast<int>(i % 5) + 1);
    const SceneLabels labels = label_scene(scene);
    for (const LabelGroup& group : label_groups()) {
      const auto first = labels.values.begin() + static_cast<std::ptrdiff_t>(group.first);
      const auto on = std::count(first, first + static_cast<std::ptrdiff_t>(group.count), 1);
      if (group.exclusive) CHECK(on == 1);
      if (group.name == "object" || group.name == "size")
        CHECK(on == static_cast<std::ptrdiff_t>(scene.objects.size()));
    }
    for (std::size_t at = 0; at < labels.values.size(); ++at)
      if (labels.promised[at] != 0) CHECK((labels.values[at] == 1 && labels.known[at] == 1));
    const Agreement agreement = check_caption(caption(scene, random), as_probabilities(labels));
    CHECK(agreement.held == agreement.promised);
    CHECK(agreement.promised == promised_labels(scene.promises).size());
  }
}

TEST_CASE("scene labels: scenes without objects or with too many are refused") {
  Scene scene = by_hand();
  scene.objects.clear();
  CHECK_THROWS_AS(label_scene(scene), Error);
  CHECK_THROWS_AS(promised_labels({}), Error);
  Promises many = by_hand().promises;
  many.objects.resize(kMaxObjects + 1);
  CHECK_THROWS_AS(promised_labels(many), Error);
}

TEST_CASE("scene labels: broken promises are counted") {
  const Scene scene = by_hand();
  RandomStream random(1, 0, 0, 0);
  const std::string text = caption(scene.promises, random);
  std::vector<float> seen = as_probabilities(label_scene(scene));
  CHECK(check_caption(text, seen).share() == 1);
  seen[label("object/red disk")] = 0.49F;  // 1 of 6
  CHECK(check_caption(text, seen).held == 5);
  seen[label("object/red disk")] = 0.5F;
  seen[label("texture/stripes")] = 0.3F;
  seen[label("texture/dots")] = 0.4F;  // the most probable texture
  seen[label("background/gray")] = 0;  // not promised
  seen[label("size/large blue")] = 0;  // not promised
  CHECK(check_caption(text, seen).held == 5);
  seen[label("texture/stripes")] = 0.41F;
  CHECK(check_caption(text, seen).held == 6);
  seen[label("relation/red above blue")] = 0;
  seen[label("count/2")] = 0.1F;
  seen[label("count/3")] = 0.9F;
  CHECK(check_caption(text, seen).share() == doctest::Approx(4.0 / 6));
  CHECK_THROWS_AS(check_caption(text, std::vector<float>(3)), Error);
}

TEST_CASE("scene pictures: each object colour stands out from backgrounds enough for scenes of four") {
  for (int background = 0; background < static_cast<int>(background_names().size()); ++background) {
    int clear = 0;
    for (int colour = 0; colour < static_cast<int>(colour_names().size()); ++colour)
      clear += stands_out(colour, background) ? 1 : 0;
    CHECK(clear >= static_cast<int>(kMaxObjects));
  }
}
