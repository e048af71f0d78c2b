// Pictures of scenes.
#pragma once

#include <vector>

#include "base/random.hpp"
#include "data/scenes/scene.hpp"

namespace dynexec::scenes {

// [3, 32, 32] in [0, 1], edges one pixel wide. Objects' turns, shades of colours and the lie of the texture are drawn.
std::vector<float> render(const Scene& scene, RandomStream& random);

}  // namespace dynexec::scenes
