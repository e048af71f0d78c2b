#include "experiments/weights_key.hpp"

namespace dynexec {

WeightFormat read_weight_format(const Node& node, const std::string& key, const WeightFormat& fallback) {
  return weight_format(node.get_choice(key, fallback.name(), weight_format_names()));
}

}  // namespace dynexec
