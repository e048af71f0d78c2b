#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/convert.hpp"
#include "config/node.hpp"
#include "config/value.hpp"

namespace dynexec {
namespace {

using config_detail::Entry;
using config_detail::Kind;
using config_detail::Value;

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view plain_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";

bool all_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

// Words that this or another YAML reader takes for null, a truth value or a number.
bool is_reserved(const std::string& text) {
  static constexpr std::array<std::string_view, 9> words = {"null", "true", "false", "yes", "no",
                                                            "on",   "off",  "nan",   "inf"};
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(words.begin(), words.end(), lower) != words.end();
}

std::string in_quotes(const std::string& text) {
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text, at));
    const std::string character = text.substr(at, length);
    if (character == "\"" || character == "\\") {
      quoted += fmt::format("\\{}", character);
    } else if (character == "\xef\xbb\xbf") {
      quoted += "\\ufeff";
    } else {
      quoted += escape_control(character);  // \n, \t, \x1b and \u2028 mean the same in YAML
    }
    at += length;
  }
  return quoted + "\"";
}

std::string emit_text(const std::string& text) {
  const bool plain = !text.empty() && (letters.find(text[0]) != std::string_view::npos || text[0] == '/') &&
                     all_of(text, plain_characters) && !is_reserved(text);
  return plain ? text : in_quotes(text);
}

std::string emit_scalar(const Value& value) {
  if (value.kind == Kind::null) return "~";
  if (!value.canonical.empty()) return value.canonical;
  // A value that was written plainly may still be read as a number or truth value: it stays plain.
  const bool plain = !value.quoted && (config_detail::parse_number(value.text) || all_of(value.text, letters));
  return plain ? value.text : emit_text(value.text);
}

bool is_emitted(const Value& value) {
  if (value.order == 0) return false;
  if (value.given || value.kind != Kind::map) return true;
  return std::any_of(value.entries.begin(), value.entries.end(), [](const Entry& e) { return is_emitted(*e.value); });
}

bool is_leaf(const Value& value) {
  return value.kind == Kind::null || value.kind == Kind::scalar;
}

void emit_map(const Value& map, std::size_t indent, std::string& out);
void emit_list(const Value& list, std::size_t indent, std::string& out);

// What stands behind "key:", with its line end.
void emit_value(const Value& value, std::size_t indent, std::string& out) {
  if (is_leaf(value)) {
    out += fmt::format(" {}\n", emit_scalar(value));
    return;
  }
  if (value.kind == Kind::sequence) {
    emit_list(value, indent, out);
    return;
  }
  std::string body;
  emit_map(value, indent + 2, body);
  out += body.empty() ? " {}\n" : fmt::format("\n{}", body);
}

void emit_map(const Value& map, std::size_t indent, std::string& out) {
  std::vector<const Entry*> read;
  for (const Entry& entry : map.entries) {
    if (is_emitted(*entry.value)) read.push_back(&entry);
  }
  // By first reading, so that neither the order of the lines in the file nor which of them were defaults
  // shows.
  std::sort(read.begin(), read.end(), [](const Entry* a, const Entry* b) { return a->value->order < b->value->order; });
  for (const Entry* entry : read) {
    out += std::string(indent, ' ') + emit_text(entry->key) + ":";
    emit_value(*entry->value, indent, out);
  }
}

void emit_list(const Value& list, std::size_t indent, std::string& out) {
  if (std::all_of(list.items.begin(), list.items.end(), [](const auto& item) { return is_leaf(*item); })) {
    std::vector<std::string> items;
    for (const auto& item : list.items) items.push_back(emit_scalar(*item));
    out += fmt::format(" [{}]\n", fmt::join(items, ", "));
    return;
  }
  out += "\n";
  for (const auto& item : list.items) {
    std::string body;
    if (item->kind == Kind::map) emit_map(*item, indent + 4, body);
    out += std::string(indent + 2, ' ') + "-";
    if (body.empty()) {
      emit_value(*item, indent + 2, out);
    } else {
      out += fmt::format(" {}", body.substr(indent + 4));  // the item's first key stands on the line of its dash
    }
  }
}

}  // namespace

std::string Config::resolved_yaml() const {
  std::string text;
  emit_map(document_->root, 0, text);
  return text.empty() ? "{}\n" : text;
}

}  // namespace dynexec
