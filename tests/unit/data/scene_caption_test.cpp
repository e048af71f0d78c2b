#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "data/scenes/caption.hpp"
#include "data/scenes/palette.hpp"

using namespace dynexec;
using namespace dynexec::scenes;

namespace {

RandomStream stream(std::uint64_t index, int complexity = 0) {
  return RandomStream(11, index, static_cast<std::uint32_t>(complexity), 0);
}

std::string complaint(const std::string& text) {
  try {
    parse_caption(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(!error.hint().empty());
    return error.where() + ": " + error.message();
  }
  return "";
}

const Object& object_of(const Scene& scene, int colour) {
  return *std::find_if(scene.objects.begin(), scene.objects.end(),
                       [&](const Object& object) { return object.colour == colour; });
}

// That the scene is as promised, and clearly so.
void check_kept(const Scene& scene, const Promises& promises) {
  REQUIRE(scene.objects.size() == promises.objects.size());
  for (const PromisedObject& promised : promises.objects) {
    const auto same = std::count_if(scene.objects.begin(), scene.objects.end(),
                                    [&](const Object& object) { return object.colour == promised.colour; });
    REQUIRE(same == 1);
    const Object& object = object_of(scene, promised.colour);
    CHECK(object.shape == promised.shape);
    if (promised.size) CHECK(object.size == *promised.size);
  }
  if (promises.background) CHECK(scene.background == *promises.background);
  CHECK(scene.texture == promises.texture.value_or(Texture::plain));
  for (const Relation& relation : promises.relations) {
    const Object &first = object_of(scene, relation.first), &second = object_of(scene, relation.second);
    const double right = first.x - second.x, down = first.y - second.y;
    const double along = relation.direction == Direction::left    ? -right
                         : relation.direction == Direction::right ? right
                         : relation.direction == Direction::above ? -down
                                                                  : down;
    CHECK(along > 5);
    CHECK(along > 0.8 * std::hypot(right, down));
  }
}

}  // namespace

TEST_CASE("scenes: every caption reads back as what its scene promises, and the scene keeps it") {
  for (int complexity = kMinComplexity; complexity <= kMaxComplexity; ++complexity)
    for (std::uint64_t i = 0; i < 1500; ++i) {
      RandomStream random = stream(i, complexity);
      const Scene scene = draw_scene(random, complexity);
      const std::string text = caption(scene, random);
      CAPTURE(text);
      const Promises promises = parse_caption(text);
      REQUIRE(promises == canonical(scene.promises));
      check_kept(scene, promises);
    }
}

TEST_CASE("scenes: complexities say what they say they do") {
  for (std::uint64_t i = 0; i < 200; ++i) {
    std::vector<Promises> levels(1);
    for (int complexity = 1; complexity <= 5; ++complexity) {
      RandomStream random = stream(i, complexity);
      levels.push_back(draw_scene(random, complexity).promises);
    }
    for (const std::size_t level : {std::size_t{1}, std::size_t{2}}) CHECK(levels[level].objects.size() == 1);
    CHECK(!levels[1].objects[0].size);
    CHECK(levels[2].objects[0].size);
    CHECK(levels[3].objects.size() == 2);
    CHECK(levels[3].relations.size() == 1);
    CHECK((levels[4].objects.size() == 2 || levels[4].objects.size() == 3));
    CHECK((levels[5].objects.size() == 3 || levels[5].objects.size() == 4));
    CHECK(levels[5].relations.size() + 1 == levels[5].objects.size());
    for (std::size_t level = 1; level <= 5; ++level) {
      CHECK(levels[level].texture.has_value() == (level >= 4));
      CHECK(levels[level].background.has_value() == (level == 2 || level >= 4));
    }
  }
}

TEST_CASE("scenes: one caption has many pictures and many wordings") {
  const Promises promises = parse_caption("a red disk and a small blue ring, where the ring is above the disk");
  std::set<double> places;
  std::set<int> backgrounds;
  std::set<Size> sizes;
  std::set<std::string> texts;
  for (std::uint64_t i = 0; i < 300; ++i) {
    RandomStream random = stream(i);
    const Scene scene = draw_scene_of(promises, random);
    check_kept(scene, promises);
    places.insert(scene.objects[0].x);
    backgrounds.insert(scene.background);
    for (const Object& object : scene.objects)
      if (colour_names()[static_cast<std::size_t>(object.colour)] == "red") sizes.insert(object.size);
    texts.insert(caption(promises, random));
    CHECK(parse_caption(caption(promises, random)) == promises);
  }
  CHECK(places.size() == 300);
  CHECK(backgrounds.size() == 6);
  CHECK(sizes.size() == 2);
  CHECK(texts.size() > 150);
}

TEST_CASE("scenes: objects lie inside the image and apart") {
  for (std::uint64_t i = 0; i < 1500; ++i) {
    RandomStream random = stream(i, 5);
    const Scene scene = draw_scene(random, 5);
    for (const Object& object : scene.objects) {
      CHECK(std::min({object.x, object.y, kImageSize - object.x, kImageSize - object.y}) > object.radius);
      CHECK((object.radius > 5) == (object.size == Size::large));
      for (const Object& other : scene.objects)
        if (other.colour != object.colour)
          CHECK(std::hypot(object.x - other.x, object.y - other.y) > object.radius + other.radius);
      CHECK(stands_out(object.colour, scene.background));
    }
  }
}

TEST_CASE("scenes: every colour, shape, size, texture and direction is drawn") {
  std::map<std::string, int> said;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    RandomStream random = stream(i, 5);
    std::istringstream words(caption(draw_scene(random, 5), random));
    for (std::string word; words >> word;) ++said[word.substr(0, word.find(','))];
  }
  for (const std::string& word : vocabulary()) {
    CAPTURE(word);
    CHECK(said[word] > 50);
  }
  CHECK(said.size() == vocabulary().size());
  CHECK(said.size() <= 100);
}

TEST_CASE("scenes: canonical promises do not depend on order or side") {
  const Promises one = parse_caption("a red disk left of a blue box, on a striped gray background");
  const Promises other =
      parse_caption("against a gray background with stripes, we see a blue square to the right of a red circle");
  CHECK(one == other);
  CHECK(describe(one) == "red disk, blue square; left of red blue; gray; stripes");
}

TEST_CASE("scenes: texts outside the grammar are refused with the word") {
  CHECK(complaint("a red disk left of") == "word 6 of the caption: the caption ends too early");
  CHECK(complaint("a crimson disk") == "word 2 of the caption: 'crimson' is no colour of objects");
  CHECK(complaint("a red zebra") == "word 3 of the caption: 'zebra' is no shape");
  CHECK(complaint("a red disk a blue disk") == "word 4 of the caption: 'a' is not expected here");
  CHECK(complaint("a red disk and a red ring") ==
        "word 5 of the caption: 'a' begins a second object of the same colour");
  CHECK(complaint("a red disk left of the ring") ==
        "word 7 of the caption: 'ring' begins an object that was not named before");
  CHECK(complaint("a red disk and a blue disk, with the disk above the red disk") ==
        "word 11 of the caption: 'disk' begins what may be several objects");
  CHECK(complaint("a red disk above a blue ring, where the disk is below the ring") ==
        "word 14 of the caption: 'the' begins an object that cannot lie there");
  CHECK(complaint("a red disk on a background") == "word 7 of the caption: the caption ends too early");
  CHECK(complaint("a red disk on a gray background on a pink background") ==
        "word 9 of the caption: 'a' begins a second background");
  CHECK(complaint("a red disk, a blue disk, a green disk, a white disk and a black disk") ==
        "word 17 of the caption: 'a' begins an object too many");
  CHECK(complaint("") == "word 1 of the caption: the caption ends too early");
  CHECK(complaint("on a gray background") == "word 5 of the caption: the caption ends too early");
}

TEST_CASE("scenes: any heap of words is read or refused, and what is read can be told again") {
  const std::vector<std::string> words = vocabulary();
  int read = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    RandomStream random = stream(i);
    // A caption with some of its words replaced, doubled or dropped.
    std::istringstream in(caption(draw_scene(random, static_cast<int>(i % 5) + 1), random));
    std::string text;
    for (std::string word; in >> word;) {
      const std::uint64_t fate = random.below(60);
      if (fate == 0) continue;
      text += (fate == 1 ? words[static_cast<std::size_t>(random.below(words.size()))] : word) + " ";
      if (fate == 2) text += word + " ";
    }
    Promises promises;
    try {
      promises = parse_caption(text);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      continue;
    }
    ++read;
    CAPTURE(text);
    REQUIRE(parse_caption(caption(promises, random)) == promises);
  }
  CHECK(read > 5000);
  CHECK(read < 18000);
}

TEST_CASE("scenes: four large objects find their places") {
  const Promises promises = parse_caption(
      "a large red disk, a large blue disk, a large green disk and a large black disk, where the red disk is left of "
      "the "
      "blue disk, the green disk is below the red disk and the black disk is right of the green disk");
  for (std::uint64_t i = 0; i < 20; ++i) {
    RandomStream random = stream(i);
    check_kept(draw_scene_of(promises, random), promises);
  }
}

TEST_CASE("scenes: promises that no picture keeps are refused") {
  RandomStream random = stream(0);
  CHECK_THROWS_AS(draw_scene_of(parse_caption("a black disk on a black background"), random), Error);
  const char* circular =
      "a red disk, a blue disk and a green disk, where the red disk is above the blue disk, the blue disk is above the "
      "green disk and the green disk is above the red disk";
  CHECK_THROWS_AS(draw_scene_of(parse_caption(circular), random), Error);
}
