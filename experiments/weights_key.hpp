// Weight formats in configs.
#pragma once

#include <string>

#include "config/node.hpp"
#include "kernels/weight_format.hpp"

namespace dynexec {

// The key that names a weight format. Error(config) for other names.
WeightFormat read_weight_format(const Node& node, const std::string& key, const WeightFormat& fallback);

}  // namespace dynexec
