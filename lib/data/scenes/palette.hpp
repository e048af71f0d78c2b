// The colours of scenes.
#pragma once

#include <array>

namespace dynexec::scenes {

using Rgb = std::array<double, 3>;  // in [0, 1]

struct Tones {
  Rgb base, second;  // textures lie in the second tone on the base
};

const Rgb& object_colour(int colour);       // into colour_names()
const Tones& background_tones(int colour);  // into background_names()

double distance(const Rgb& a, const Rgb& b);

// Whether objects of this colour stand out from a background of that colour in both its tones.
bool stands_out(int colour, int background);

}  // namespace dynexec::scenes
