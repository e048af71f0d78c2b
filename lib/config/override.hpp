// Overrides from the command line: "a.b=c", "paths.0.length=3", "paths[0].length=3".
#pragma once

#include <string>

#include "config/value.hpp"
#include "config/yaml_text.hpp"

namespace dynexec::config_detail {

// Changes one value under `root`; mappings on the way are created. Throws Error(usage), naming the override,
// when it is malformed, its value is not YAML, an index is outside its list, or it goes through something
// that is no mapping.
void apply_override(Value& root, const std::string& text, Budget& budget);

}  // namespace dynexec::config_detail
