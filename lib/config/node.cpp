#include "config/node.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/convert.hpp"
#include "config/value.hpp"

namespace dynexec {
namespace {

using config_detail::Document;
using config_detail::Entry;
using config_detail::fail_at;
using config_detail::Kind;
using config_detail::Value;

void require_map(const Value& value) {
  if (value.kind == Kind::map) return;
  fail_at(value, fmt::format("is {}, where a mapping is expected", kind_name(value)),
          "write `key: value` lines under it");
}

Value* written(Value& map, const std::string& key) {
  require_map(map);
  map.asked.insert(key);
  const Entry* entry = map.find(key);
  return entry != nullptr && entry->value->given ? entry->value.get() : nullptr;
}

std::string child_path(const Value& map, const std::string& key) {
  const std::string path = map.path();
  return path.empty() ? key : path + "." + key;
}

Value& required(Value& map, const std::string& key) {
  if (Value* value = written(map, key)) return *value;
  // A key that nobody has asked for yet may be this one, misspelt.
  std::vector<std::string> strangers;
  for (const Entry& entry : map.entries) {
    if (entry.value->given && !map.asked.contains(entry.key)) strangers.push_back(entry.key);
  }
  const std::string slip = nearest_name(key, strangers);
  const std::string what = fmt::format("`{}` is missing", child_path(map, key));
  if (slip.empty()) {
    throw Error(ErrorKind::config, what, map.place.text(),
                fmt::format("add `{}: …` to the mapping that begins here", key));
  }
  throw Error(ErrorKind::config, what, map.find(slip)->place.text(),
              fmt::format("did you mean `{}` where `{}` stands?", key, slip));
}

// Leaves the default in the tree, so that the resolved config shows it and a second reader gets the same.
Value& record_default(Document& document, Value& map, const std::string& key, std::unique_ptr<Value> value) {
  if (Entry* entry = map.find(key)) {
    const Value& before = *entry->value;
    const auto differs = [](const auto& a, const auto& b) {
      return a->canonical != b->canonical || a->text != b->text;
    };
    const bool same = before.kind == value->kind && before.canonical == value->canonical &&
                      before.text == value->text && before.items.size() == value->items.size() &&
                      std::equal(before.items.begin(), before.items.end(), value->items.begin(),
                                 [&](const auto& a, const auto& b) { return !differs(a, b); });
    if (!same) {
      throw Error(ErrorKind::internal, fmt::format("`{}` is read with two different defaults", child_path(map, key)),
                  map.place.text(), "");
    }
    return *entry->value;
  }
  value->given = false;
  value->place = map.place;
  map.entries.push_back({key, map.place, std::move(value)});
  config_detail::link(map);
  document.mark_read(*map.entries.back().value);
  return *map.entries.back().value;
}

template <class T>
std::unique_ptr<Value> default_scalar(const T& fallback) {
  auto value = std::make_unique<Value>();
  value->kind = Kind::scalar;
  if constexpr (std::is_same_v<T, std::string>) {
    value->text = fallback;
    value->quoted = true;
  } else {
    value->canonical = config_detail::canonical(fallback);
  }
  return value;
}

template <class T>
std::unique_ptr<Value> default_list(const std::vector<T>& fallback) {
  auto value = std::make_unique<Value>();
  value->kind = Kind::sequence;
  for (const T& item : fallback) value->items.push_back(default_scalar(item));
  return value;
}

// One typed read: of the key when it is written, else the fallback.
template <class T, class Convert>
T read(Document& document, Value& map, const std::string& key, const T& fallback, Convert convert) {
  Value* value = written(map, key);
  if (value == nullptr) {
    record_default(document, map, key, default_scalar(fallback));
    return fallback;
  }
  document.mark_read(*value);
  return convert(*value);
}

template <class Convert>
auto read(Document& document, Value& map, const std::string& key, Convert convert) {
  Value& value = required(map, key);
  document.mark_read(value);
  return convert(value);
}

template <class T, class Convert>
std::vector<T> read_list(Document& document, Value& map, const std::string& key, const std::vector<T>& fallback,
                         Convert convert) {
  Value* value = written(map, key);
  if (value == nullptr) {
    record_default(document, map, key, default_list(fallback));
    return fallback;
  }
  if (value->kind != Kind::sequence) {
    fail_at(*value, fmt::format("is {}, where a list is expected", kind_name(*value)), "write it in brackets: [a, b]");
  }
  document.mark_read(*value);
  std::vector<T> items;
  for (const auto& item : value->items) {
    document.mark_read(*item);
    items.push_back(convert(*item));
  }
  return items;
}

template <class T>
std::string bounds(T low, T high) {
  if (high == std::numeric_limits<T>::max()) return fmt::format("at least {}", low);
  if (low == std::numeric_limits<T>::lowest()) return fmt::format("at most {}", high);
  return fmt::format("from {} to {}", low, high);
}

template <class T>
T within(const Value& value, T number, T low, T high) {
  if (number >= low && number <= high) return number;
  const std::string allowed = bounds(low, high);
  fail_at(value, fmt::format("is {}, but must be {}", excerpt(value.text), allowed),
          fmt::format("write a number {}", allowed));
}

}  // namespace

Node::Node(std::shared_ptr<Document> document, Value* value) : document_(std::move(document)), value_(value) {}

bool Node::has(const std::string& key) const {
  return written(*value_, key) != nullptr;
}

Node Node::at(const std::string& key) const {
  Value& value = required(*value_, key);
  if (value.kind == Kind::map) document_->mark_read(value);
  return Node(document_, &value);
}

std::optional<Node> Node::find(const std::string& key) const {
  if (!has(key)) return std::nullopt;
  return at(key);
}

Node Node::section(const std::string& key) const {
  Value* value = written(*value_, key);
  if (value == nullptr) {
    Entry* before = value_->find(key);
    if (before != nullptr) return Node(document_, before->value.get());
    auto fresh = std::make_unique<Value>();
    fresh->kind = Kind::map;
    return Node(document_, &record_default(*document_, *value_, key, std::move(fresh)));
  }
  // `measure:` with every line below it commented out means the defaults.
  if (value->kind == Kind::null) value->kind = Kind::map;
  require_map(*value);
  document_->mark_read(*value);
  return Node(document_, value);
}

bool Node::get_bool(const std::string& key) const {
  return read(*document_, *value_, key, config_detail::to_bool);
}
bool Node::get_bool(const std::string& key, bool fallback) const {
  return read(*document_, *value_, key, fallback, config_detail::to_bool);
}

std::int64_t Node::get_int(const std::string& key) const {
  return read(*document_, *value_, key, config_detail::to_int);
}
std::int64_t Node::get_int(const std::string& key, std::int64_t fallback) const {
  return read(*document_, *value_, key, fallback, config_detail::to_int);
}
std::int64_t Node::get_int(const std::string& key, std::int64_t fallback, std::int64_t low, std::int64_t high) const {
  return read(*document_, *value_, key, fallback,
              [&](Value& value) { return within(value, config_detail::to_int(value), low, high); });
}

double Node::get_double(const std::string& key) const {
  return read(*document_, *value_, key, config_detail::to_double);
}
double Node::get_double(const std::string& key, double fallback) const {
  return read(*document_, *value_, key, fallback, config_detail::to_double);
}
double Node::get_double(const std::string& key, double fallback, double low, double high) const {
  return read(*document_, *value_, key, fallback,
              [&](Value& value) { return within(value, config_detail::to_double(value), low, high); });
}

std::string Node::get_string(const std::string& key) const {
  return read(*document_, *value_, key, config_detail::to_text);
}
std::string Node::get_string(const std::string& key, const std::string& fallback) const {
  return read(*document_, *value_, key, fallback, config_detail::to_text);
}

std::string Node::get_choice(const std::string& key, const std::string& fallback,
                             const std::vector<std::string>& choices) const {
  return read(*document_, *value_, key, fallback, [&](Value& value) {
    const std::string text = config_detail::to_text(value);
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
    const std::string slip = nearest_name(text, choices);
    fail_at(value, fmt::format("is `{}`, which is none of {}", excerpt(text), fmt::join(choices, ", ")),
            slip.empty() ? "choose one of them" : fmt::format("did you mean `{}`?", slip));
  });
}

std::vector<std::int64_t> Node::get_ints(const std::string& key, const std::vector<std::int64_t>& fallback) const {
  return read_list(*document_, *value_, key, fallback, config_detail::to_int);
}
std::vector<double> Node::get_doubles(const std::string& key, const std::vector<double>& fallback) const {
  return read_list(*document_, *value_, key, fallback, config_detail::to_double);
}
std::vector<std::string> Node::get_strings(const std::string& key, const std::vector<std::string>& fallback) const {
  return read_list(*document_, *value_, key, fallback, config_detail::to_text);
}

std::vector<Node> Node::items() const {
  if (value_->kind != Kind::sequence) {
    fail_at(*value_, fmt::format("is {}, where a list is expected", kind_name(*value_)),
            "write one item a line, each after `- `");
  }
  document_->mark_read(*value_);
  std::vector<Node> nodes;
  for (const auto& item : value_->items) {
    document_->mark_read(*item);
    nodes.push_back(Node(document_, item.get()));
  }
  return nodes;
}

std::vector<std::string> Node::keys() const {
  require_map(*value_);
  document_->mark_read(*value_);
  std::vector<std::string> names;
  for (const Entry& entry : value_->entries) {
    if (entry.value->given) names.push_back(entry.key);
  }
  return names;
}

std::string Node::as_string() const {
  document_->mark_read(*value_);
  return config_detail::to_text(*value_);
}
std::int64_t Node::as_int() const {
  document_->mark_read(*value_);
  return config_detail::to_int(*value_);
}
double Node::as_double() const {
  document_->mark_read(*value_);
  return config_detail::to_double(*value_);
}
bool Node::as_bool() const {
  document_->mark_read(*value_);
  return config_detail::to_bool(*value_);
}

bool Node::is_map() const {
  return value_->kind == Kind::map;
}
bool Node::is_sequence() const {
  return value_->kind == Kind::sequence;
}
bool Node::is_scalar() const {
  return value_->kind == Kind::scalar;
}
std::string Node::place() const {
  return value_->place.text();
}
std::string Node::key_path() const {
  return value_->path();
}
void Node::fail(const std::string& what, const std::string& hint) const {
  fail_at(*value_, what, hint);
}

}  // namespace dynexec
