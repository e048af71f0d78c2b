// Which complexities of scenes a training run sees.
#pragma once

#include <vector>

#include "config/node.hpp"

namespace dynexec {

// `complexities` of `node`, all five by default. Error(config) for one that there is not, and for none.
std::vector<int> read_complexities(const Node& node);

}  // namespace dynexec
