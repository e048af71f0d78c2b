// Captions of scenes: written from what is promised, and read back.
#pragma once

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "data/scenes/promises.hpp"
#include "data/scenes/scene.hpp"

namespace dynexec::scenes {

// A caption in one of many wordings: order, synonyms, the side from which a relation is told. All captions of a scene
// promise the same. Lower case, words and commas only.
std::string caption(const Promises& promises, RandomStream& random);
std::string caption(const Scene& scene, RandomStream& random);

// What a caption promises, in canonical form: canonical(promises) for every caption(promises).
// Error(data) naming the word where a text leaves the grammar, and for a text that contradicts itself:
//   caption    [opening] part {[","] ["and"] ["where" | "with"] part}
//   part       thing [["is"] direction thing] | ground article [texture] [colour] "background" [texture]
//   thing      article [size] colour shape     a new object
//              "the" [colour] shape            one named before
Promises parse_caption(std::string_view text);

}  // namespace dynexec::scenes
