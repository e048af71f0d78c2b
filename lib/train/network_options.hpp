// The network that a config describes.
#pragma once

#include <nlohmann/json.hpp>

#include "config/node.hpp"

namespace dynexec {

// The keys of a convolutional model folder's config.json, in YAML; `classes` where none are given. Error(config) for a
// network that cannot be built.
nlohmann::json read_network(const Node& node, std::int64_t classes);

}  // namespace dynexec
