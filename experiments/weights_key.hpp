// Weight formats in configs.
#pragma once

#include <string>

#include "config/node.hpp"
#include "models/layer_formats.hpp"

namespace dynexec {

// The key that names a weight format. Error(config) for other names.
WeightFormat read_weight_format(const Node& node, const std::string& key, const WeightFormat& fallback);

// The same of a key that may make exceptions for some of the layers' matrices.
LayerFormats read_layer_formats(const Node& node, const std::string& key, const LayerFormats& fallback);

}  // namespace dynexec
