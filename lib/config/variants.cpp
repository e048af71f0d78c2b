#include <fmt/format.h>

#include "base/error.hpp"
#include "config/node.hpp"
#include "config/override.hpp"
#include "config/value.hpp"

namespace dynexec {
namespace {

using config_detail::Document;
using config_detail::Entry;
using config_detail::Kind;
using config_detail::Value;

// What was written, without defaults that a program filled in and without what it read.
std::unique_ptr<Value> copy_of(const Value& value) {
  auto copy = std::make_unique<Value>();
  copy->kind = value.kind;
  copy->place = value.place;
  copy->text = value.text;
  copy->quoted = value.quoted;
  copy->flow = value.flow;
  copy->written_null = value.written_null;
  for (const Entry& entry : value.entries)
    if (entry.value->given) copy->entries.push_back({entry.key, entry.place, copy_of(*entry.value)});
  for (const auto& item : value.items) copy->items.push_back(copy_of(*item));
  return copy;
}

}  // namespace

Config Config::with_items(const std::string& list, const std::vector<ItemVariant>& items) const {
  Config config;
  config.document_ = std::make_shared<Document>();
  config.document_->path = document_->path;
  config.document_->root = std::move(*copy_of(document_->root));
  Entry* entry = config.document_->root.find(list);
  if (entry == nullptr || entry->value->kind != Kind::sequence)
    throw Error(ErrorKind::config, fmt::format("`{}` is not a list", list), document_->root.place.text(),
                fmt::format("write the items of `{}` one a line, each after `- `", list));
  config_detail::Budget budget;
  std::vector<std::unique_ptr<Value>> varied;
  for (const ItemVariant& item : items) {
    varied.push_back(copy_of(*entry->value->items.at(item.index)));
    for (const std::string& text : item.overrides) config_detail::apply_override(*varied.back(), text, budget);
  }
  entry->value->items = std::move(varied);
  config_detail::link(config.document_->root);
  config.document_->mark_read(config.document_->root);
  return config;
}

}  // namespace dynexec
