#include "config/value.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec::config_detail {

std::string Place::text() const {
  const std::string& name = source ? *source : std::string();
  return line == 0 ? name : fmt::format("{}:{}:{}", name, line, column);
}

Entry* Value::find(const std::string& key) {
  for (Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::string Value::path() const {
  if (parent == nullptr) return step;
  const std::string head = parent->path();
  const bool dotted = !head.empty() && !step.empty() && step[0] != '[';
  return head + (dotted ? "." : "") + step;
}

void link(Value& value) {
  for (Entry& entry : value.entries) {
    entry.value->parent = &value;
    entry.value->step = entry.key;
    link(*entry.value);
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    value.items[i]->parent = &value;
    value.items[i]->step = fmt::format("[{}]", i);
    link(*value.items[i]);
  }
}

void fail_at(const Value& value, const std::string& what, const std::string& hint) {
  const std::string path = value.path();
  throw Error(ErrorKind::config, path.empty() ? what : fmt::format("`{}` {}", path, what), value.place.text(), hint);
}

std::string kind_name(const Value& value) {
  switch (value.kind) {
    case Kind::null:
      return "empty";
    case Kind::scalar:
      return "a single value";
    case Kind::sequence:
      return "a list";
    case Kind::map:
      break;
  }
  return "a mapping";
}

}  // namespace dynexec::config_detail
