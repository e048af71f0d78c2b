// Which feature maps an image needs on its way through a network, known before any is allocated. Private to the models
// room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/cnn_weights.hpp"

namespace dynexec {

struct MapShape {
  std::int64_t size = 0, channels = 0, border = 0;
  bool coded = false;  // in bytes, too
  double bytes() const;
};

struct CnnMaps {
  std::vector<MapShape> maps;                 // [0] is the image; others are used again once they are free
  std::vector<std::size_t> map_of_step;       // into maps
  std::vector<std::size_t> block_input;       // of the steps that end a block
  std::vector<std::size_t> shortcut_of_step;  // of the steps whose shortcut needs a map of its own

  double bytes() const;
};

CnnMaps plan_maps(const CnnWeights& weights);

// Error(model) at `where` for more than half of the machine's memory: each map alone may fit where all do not.
void require_room_for_maps(double bytes, const std::string& where);

}  // namespace dynexec
