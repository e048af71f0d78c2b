// YAML text to a Value tree, with everything refused that yaml-cpp 0.7 would let through or trip over.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "config/value.hpp"

namespace dynexec::config_detail {

// Shared by all files of one config.
struct Budget {
  std::size_t nodes_left = 100000;
};

inline constexpr std::size_t max_file_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_depth = 64;
inline constexpr std::size_t max_key_bytes = 256;

// One document. Refused with Error(config) and a place: text over 1 MiB, NUL, malformed UTF-8, a second
// document, anything behind the document, anchors, aliases, tags, duplicate and non-scalar keys, merge keys,
// more than 64 levels, an exhausted budget, and whatever yaml-cpp cannot parse. Empty text gives a null
// value. A null value's place is its key's. `whole_place`: every place in the result is `source` without line
// and column (for overrides).
std::unique_ptr<Value> parse_yaml(const std::string& text, const std::shared_ptr<const std::string>& source,
                                  bool whole_place, Budget& budget);

}  // namespace dynexec::config_detail
