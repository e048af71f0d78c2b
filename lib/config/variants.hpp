// Variations of the items of a list, as an override: how one config becomes an experiment with many settings of a path.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "config/node.hpp"

namespace dynexec {

// One item of a list, with some of its keys set anew.
struct ItemVariant {
  std::size_t index = 0;
  std::vector<std::pair<std::string, std::string>> values;  // key and plain text
};

// "KEY=[...]" for Config::load or Config::parse: `list` (the value of the root's key) replaced by copies of its items;
// an item may come several times. The whole list counts as read. Requires a list of mappings and existing indices.
std::string items_override(const std::string& key, const Node& list, const std::vector<ItemVariant>& items);

}  // namespace dynexec
