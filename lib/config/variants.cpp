#include "config/variants.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dynexec {
namespace {

constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";

// A scalar in flow style. Numbers and truth values stay plain, as only plain ones are understood as such.
std::string flow_scalar(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string::npos && text != "null" &&
                     text != "Null" && text != "NULL" && text != "-";
  if (plain) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      quoted += fmt::format("\\x{:02x}", static_cast<int>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

std::string flow_text(const Node& node, const std::vector<std::pair<std::string, std::string>>& values = {}) {
  std::vector<std::string> parts;
  if (node.is_map()) {
    for (const std::string& key : node.keys()) {
      const auto changed = [&](const auto& value) { return value.first == key; };
      if (std::none_of(values.begin(), values.end(), changed))
        parts.push_back(flow_scalar(key) + ": " + flow_text(node.at(key)));
    }
    for (const auto& [key, text] : values) parts.push_back(flow_scalar(key) + ": " + flow_scalar(text));
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  if (node.is_sequence()) {
    for (const Node& item : node.items()) parts.push_back(flow_text(item));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  }
  return node.is_scalar() ? flow_scalar(node.as_string()) : "~";
}

}  // namespace

std::string items_override(const std::string& key, const Node& list, const std::vector<ItemVariant>& items) {
  const std::vector<Node> nodes = list.items();
  std::vector<std::string> parts;
  for (const ItemVariant& item : items) parts.push_back(flow_text(nodes.at(item.index), item.values));
  return fmt::format("{}=[{}]", key, fmt::join(parts, ", "));
}

}  // namespace dynexec
