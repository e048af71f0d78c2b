#include "experiments/weights_key.hpp"

#include "base/error.hpp"

namespace dynexec {

WeightFormat read_weight_format(const Node& node, const std::string& key, const WeightFormat& fallback) {
  return weight_format(node.get_choice(key, fallback.name(), weight_format_names()));
}

LayerFormats read_layer_formats(const Node& node, const std::string& key, const LayerFormats& fallback) {
  const std::string text = node.get_string(key, fallback.name());
  if (text.find('+') == std::string::npos) return read_weight_format(node, key, fallback.base());
  try {
    return LayerFormats::parse(text);
  } catch (const Error& error) {
    node.at(key).fail("cannot be read: " + error.message(), error.hint());
  }
}

}  // namespace dynexec
