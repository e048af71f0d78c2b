// What scenes are made of, and the words that captions have for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec::scenes {

enum class Size { small, large };
enum class Texture { plain, stripes, dots, checker, gradient };
enum class Direction { left, right, above, below };

inline constexpr int kSizes = 2, kTextures = 5, kDirections = 4;

// Names in the order of their numbers; part of the definition of the task.
std::span<const std::string_view> colour_names();      // of objects
std::span<const std::string_view> background_names();  // colours of backgrounds
std::span<const std::string_view> shape_names();
std::span<const std::string_view> size_names();
std::span<const std::string_view> texture_names();
std::span<const std::string_view> direction_names();

// One way to say one of the above, or a turn of phrase that promises nothing.
struct Phrase {
  std::string_view text;
  int meaning = 0;
};

std::span<const Phrase> colour_phrases();
std::span<const Phrase> background_phrases();
std::span<const Phrase> shape_phrases();
std::span<const Phrase> size_phrases();
std::span<const Phrase> texture_adjectives();  // "a striped background"
std::span<const Phrase> texture_endings();     // "a background with stripes"
std::span<const Phrase> direction_phrases();   // "to the left of"
std::span<const Phrase> openings();            // 0: anywhere, "there is"; 1: only in front, "a picture of"
std::span<const Phrase> grounds();             // "on", in front of "a gray background"

// Every word that a caption may hold, sorted; the comma aside.
std::vector<std::string> vocabulary();

}  // namespace dynexec::scenes
