#include "models/json_fields.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"

namespace dynexec {
namespace {

std::string shown(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 40) + "...";
  return text;
}

const char* const kTypeHint = "restore config.json from the model's publisher";

}  // namespace

JsonFields::JsonFields(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) throw Error(ErrorKind::model, "expected a JSON object", where_, kTypeHint);
}

bool JsonFields::has(const std::string& key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const nlohmann::json& JsonFields::value(const std::string& key) const {
  return *object_.find(key);
}

void JsonFields::refuse(const std::string& key, const std::string& what, const std::string& hint) const {
  throw Error(ErrorKind::model, what, where_ + ": " + key, hint);
}

std::int64_t JsonFields::integer(const std::string& key, std::int64_t low, std::int64_t high,
                                 std::optional<std::int64_t> absent) const {
  if (!has(key)) {
    if (absent) return *absent;
    refuse(key, "the key is missing", kTypeHint);
  }
  return integers(key, low, high).at(0);
}

std::vector<std::int64_t> JsonFields::integers(const std::string& key, std::int64_t low, std::int64_t high) const {
  std::vector<std::int64_t> result;
  if (!has(key)) return result;
  const nlohmann::json& found = value(key);
  const auto take = [&](const nlohmann::json& item) {
    double as_double = 0;
    if (item.is_number()) as_double = item.get<double>();
    const bool inside = item.is_number() && as_double >= static_cast<double>(low) &&
                        as_double <= static_cast<double>(high) && std::floor(as_double) == as_double;
    if (!inside) {
      refuse(key, fmt::format("{} is not an integer from {} to {}", shown(item), low, high), kTypeHint);
    }
    result.push_back(static_cast<std::int64_t>(as_double));
  };
  if (found.is_array()) {
    if (found.size() > 100000) refuse(key, "the list is too long", kTypeHint);
    for (const nlohmann::json& item : found) take(item);
    if (result.empty()) refuse(key, "the list is empty", kTypeHint);
  } else {
    take(found);
  }
  return result;
}

double JsonFields::number(const std::string& key, double low, double high, std::optional<double> absent) const {
  if (!has(key)) {
    if (absent) return *absent;
    refuse(key, "the key is missing", kTypeHint);
  }
  const nlohmann::json& found = value(key);
  const double result = found.is_number() ? found.get<double>() : std::nan("");
  if (!(result >= low && result <= high)) {
    refuse(key, fmt::format("{} is not a number from {} to {}", shown(found), low, high), kTypeHint);
  }
  return result;
}

bool JsonFields::boolean(const std::string& key, bool absent) const {
  if (!has(key)) return absent;
  const nlohmann::json& found = value(key);
  if (!found.is_boolean()) refuse(key, shown(found) + " is neither true nor false", kTypeHint);
  return found.get<bool>();
}

std::string JsonFields::text(const std::string& key, const std::string& absent) const {
  if (!has(key)) return absent;
  const nlohmann::json& found = value(key);
  if (!found.is_string()) refuse(key, shown(found) + " is not a text", kTypeHint);
  return found.get<std::string>();
}

std::vector<std::string> JsonFields::texts(const std::string& key) const {
  std::vector<std::string> result;
  if (!has(key)) return result;
  const nlohmann::json& found = value(key);
  if (!found.is_array() || found.size() > 100000) refuse(key, shown(found) + " is not a list", kTypeHint);
  for (const nlohmann::json& item : found) {
    if (!item.is_string()) refuse(key, shown(item) + " is not a text", kTypeHint);
    result.push_back(item.get<std::string>());
  }
  return result;
}

JsonFields JsonFields::child(const std::string& key) const {
  return JsonFields(value(key), where_ + ": " + key);
}

}  // namespace dynexec
