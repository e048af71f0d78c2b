#include "config/override.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace dynexec::config_detail {
namespace {

struct Step {
  std::string name;
  bool bracketed = false;  // [3] is an index for certain, .3 is one only where a list stands
};

[[noreturn]] void refuse(const std::string& place, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::usage, what, place, hint);
}

bool is_index(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

constexpr const char* form_hint = "write --set key.subkey=value; items of a list are counted from 0: paths.0.length=3";

std::vector<Step> parse_steps(const std::string& path, const std::string& place) {
  std::vector<Step> steps;
  std::size_t at = 0;
  while (at <= path.size()) {
    const std::size_t end = std::min(path.find_first_of(".[", at), path.size());
    steps.push_back({path.substr(at, end - at)});
    const std::string& name = steps.back().name;
    if (name.empty() || name.size() > max_key_bytes || name.find_first_of("] \t\r\n") != std::string::npos) {
      refuse(place, fmt::format("`{}` is not a path of keys", path), form_hint);
    }
    at = end;
    while (at < path.size() && path[at] == '[') {
      const std::size_t close = path.find(']', at);
      const std::string index = close == std::string::npos ? "" : path.substr(at + 1, close - at - 1);
      if (!is_index(index)) refuse(place, fmt::format("`{}` is not a path of keys", path), form_hint);
      steps.push_back({index, true});
      at = close + 1;
    }
    if (at == path.size()) return steps;
    if (path[at] != '.') refuse(place, fmt::format("`{}` is not a path of keys", path), form_hint);
    ++at;
  }
  refuse(place, fmt::format("`{}` ends with a dot", path), form_hint);
}

std::unique_ptr<Value> text_value(const std::string& text, const Place& place) {
  auto value = std::make_unique<Value>();
  value->kind = Kind::scalar;
  value->place = place;
  value->text = text;
  value->quoted = text.empty();
  return value;
}

std::unique_ptr<Value> parse_value(const std::string& text, const Place& place, Budget& budget) {
  if (text.empty()) return text_value(text, place);
  std::unique_ptr<Value> value;
  try {
    value = parse_yaml(text, place.source, true, budget);
  } catch (const Error& error) {
    refuse(place.text(), error.message(),
           fmt::format("{}; a shell needs the whole override in single quotes, a text in double quotes within: {}",
                       error.hint(), "'key=\"a: text\"'"));
  }
  // Only brackets make a container: `prompt=Question: why` and `title=- draft` are texts.
  const bool container = value->kind == Kind::map || value->kind == Kind::sequence;
  if (container && !value->flow) return text_value(text, place);
  if (value->kind == Kind::null && !value->written_null) return text_value(text, place);
  return value;
}

Value& item_at(Value& list, const Step& step, const std::string& place) {
  const std::string path = list.path();
  if (!is_index(step.name)) {
    refuse(place, fmt::format("`{}` is a list, and `{}` is not an index", path, step.name), form_hint);
  }
  std::size_t index = 0;
  const auto [stop, code] = std::from_chars(step.name.data(), step.name.data() + step.name.size(), index);
  if (code != std::errc() || index >= list.items.size()) {
    const std::size_t size = list.items.size();
    refuse(place, fmt::format("`{}` has no item {}", path, step.name),
           size == 0 ? "the list is empty: set it as a whole, as in key=[a, b]"
                     : fmt::format("it has {} item{}, counted from 0: write an index up to {}", size,
                                   size == 1 ? "" : "s", size - 1));
  }
  return *list.items[index];
}

void require_mapping(const Value& value, const Step& step, const std::string& place) {
  const std::string path = value.path();
  if (value.kind != Kind::map) {
    refuse(place, fmt::format("`{}` is {}, so there is no `{}` in it", path, kind_name(value), step.name),
           "check the path against the config: --dry-run prints it");
  }
  if (step.bracketed) {
    refuse(place, fmt::format("{} is a mapping, not a list", path.empty() ? "the config" : "`" + path + "`"),
           form_hint);
  }
}

Value& child(Value& parent, const Step& step, const Place& place) {
  if (parent.kind == Kind::sequence) return item_at(parent, step, place.text());
  if (parent.kind == Kind::null) parent.kind = Kind::map;
  require_mapping(parent, step, place.text());
  if (Entry* entry = parent.find(step.name)) return *entry->value;
  auto fresh = std::make_unique<Value>();
  fresh->kind = Kind::map;
  fresh->place = place;
  parent.entries.push_back({step.name, place, std::move(fresh)});
  link(parent);
  return *parent.entries.back().value;
}

void remove(Value& parent, const Step& step, const Place& place) {
  require_mapping(parent, step, place.text());
  const auto found = std::find_if(parent.entries.begin(), parent.entries.end(),
                                  [&](const Entry& entry) { return entry.key == step.name; });
  if (found == parent.entries.end()) {
    std::vector<std::string> names;
    for (const Entry& entry : parent.entries) names.push_back(entry.key);
    const std::string slip = nearest_name(step.name, names);
    refuse(place.text(), fmt::format("there is no `{}` to take out", step.name),
           slip.empty() ? "remove the override" : fmt::format("did you mean `{}`?", slip));
  }
  parent.entries.erase(found);
}

}  // namespace

void apply_override(Value& root, const std::string& text, Budget& budget) {
  const Place place{std::make_shared<const std::string>("--set " + text), 0, 0};
  for (std::size_t i = 0; i < text.size(); i += utf8_length(text, i)) {
    if (utf8_length(text, i) == 0) refuse(place.text(), "an override that is not UTF-8", "type it in UTF-8");
  }
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) refuse(place.text(), "an override without `=`", form_hint);
  const std::vector<Step> steps = parse_steps(text.substr(0, equals), place.text());
  if (steps.size() == 1 && steps[0].name == "extends") {
    refuse(place.text(), "`extends` can only be said in a file", "write a file that extends both, or use more --set");
  }
  if (steps.size() > max_depth) refuse(place.text(), "the path is too deep", form_hint);
  std::unique_ptr<Value> value = parse_value(text.substr(equals + 1), place, budget);

  link(root);
  Value* parent = &root;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) parent = &child(*parent, steps[i], place);
  const Step& last = steps.back();
  if (parent->kind == Kind::map && value->kind == Kind::null) {
    remove(*parent, last, place);
    return;
  }
  Value& target = child(*parent, last, place);
  target = std::move(*value);
  if (Entry* entry = parent->find(last.name)) entry->place = place;
  link(root);
}

}  // namespace dynexec::config_detail
