#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "config/node.hpp"
#include "config/value.hpp"

namespace dynexec {
namespace {

using config_detail::Entry;
using config_detail::Kind;
using config_detail::Value;

// The mapping, other than `here`, in which the program asked for exactly this key; null when there is none.
const Value* place_of_key(const Value& value, const std::string& key, const Value& here) {
  if (&value != &here && value.asked.contains(key)) return &value;
  for (const Entry& entry : value.entries) {
    if (const Value* found = place_of_key(*entry.value, key, here)) return found;
  }
  for (const auto& item : value.items) {
    if (const Value* found = place_of_key(*item, key, here)) return found;
  }
  return nullptr;
}

std::string remedy(const Value& root, const Value& map, const std::string& key) {
  const std::vector<std::string> asked(map.asked.begin(), map.asked.end());
  const std::string slip = nearest_name(key, asked);
  if (!slip.empty() && slip != key) return fmt::format("did you mean `{}`?", slip);
  if (map.asked.contains(key)) return "it has no effect together with the other settings here: remove it";
  if (key == "extends") return "`extends` works at the top level of a file only";
  if (const Value* other = place_of_key(root, key, map)) {
    const std::string path = other->path();
    return path.empty() ? fmt::format("`{}` belongs to the top level", key)
                        : fmt::format("`{}` belongs under `{}`", key, path);
  }
  if (key.find('.') != std::string::npos) {
    return "in a file nested keys are written indented, one a line; only --set takes dotted paths";
  }
  if (asked.empty()) return "remove it";
  return fmt::format("known here: {}", fmt::join(asked, ", "));
}

void reject_in(const Value& root, const Value& value) {
  for (const Entry& entry : value.entries) {
    if (!entry.value->given) continue;
    if (entry.value->order == 0) {
      const std::string path = entry.value->path();
      throw Error(ErrorKind::config, fmt::format("unknown key `{}`", path), entry.place.text(),
                  remedy(root, value, entry.key));
    }
    reject_in(root, *entry.value);
  }
  for (const auto& item : value.items) reject_in(root, *item);
}

}  // namespace

void Config::reject_unread() const {
  reject_in(document_->root, document_->root);
}

}  // namespace dynexec
