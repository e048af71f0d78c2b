#include "report/field_table.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <type_traits>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr const char* kListSeparator = " | ";

std::string real_text(double value) {
  if (std::isnan(value)) return "";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

std::string list_text(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += kListSeparator;
    text += item;
  }
  return text;
}

std::vector<std::string> split_list(const std::string& text) {
  const std::string separator = kListSeparator;
  std::vector<std::string> items;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(separator, from), text.size());
    items.push_back(text.substr(from, to - from));
    from = to + separator.size();
  }
  return items;
}

template <class T>
bool parse_number(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

std::string field_text(const FieldValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return "";
        } else if constexpr (std::is_same_v<T, std::string>) {
          return held;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return list_text(held);
        } else if constexpr (std::is_same_v<T, double>) {
          return real_text(held);
        } else {
          return std::to_string(held);
        }
      },
      value);
}

double field_number(const FieldValue& value) {
  return std::visit(
      [](const auto& held) -> double {
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(held)>>) {
          return static_cast<double>(held);
        } else {
          return kMissing;
        }
      },
      value);
}

template <class Row>
FieldValue parse_field(const Field<Row>& field, const std::string& text, const std::string& where) {
  if (field.type == FieldType::text) return text;
  if (text.empty()) return std::monostate{};
  switch (field.type) {
    case FieldType::list:
      return split_list(text);
    case FieldType::flag:
      if (text == "0" || text == "1") return text == "1";
      break;
    case FieldType::real:
      if (double value; parse_number(text, value)) return value;
      break;
    default: {
      const bool is_unsigned = std::holds_alternative<std::uint64_t>(field.get(Row{}));
      if (std::uint64_t value; is_unsigned && parse_number(text, value)) return value;
      if (std::int64_t value; !is_unsigned && parse_number(text, value)) return value;
    }
  }
  throw Error(ErrorKind::data,
              fmt::format("column {} holds \"{}\", which is not {} {}", field.name, text.substr(0, 40),
                          field.type == FieldType::integer ? "an" : "a", field_type_name(field.type)),
              where, "remove the damaged line, or measure again");
}

const char* field_type_name(FieldType type) {
  switch (type) {
    case FieldType::text:
      return "text";
    case FieldType::integer:
      return "integer";
    case FieldType::real:
      return "real";
    case FieldType::flag:
      return "flag";
    case FieldType::list:
      return "list";
  }
  return "";
}

template <class Row>
const Field<Row>* find_field(const std::string& name) {
  for (const auto& field : field_table<Row>()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

template <class Row>
std::string schema_text() {
  std::string text = fmt::format("schema {}\n", kSchemaVersion);
  for (const auto& field : field_table<Row>()) text += fmt::format("{} {}\n", field.name, field_type_name(field.type));
  return text;
}

template <class Row>
std::string markdown_field_list() {
  std::string text = "| column | type | unit | meaning |\n|---|---|---|---|\n";
  for (const auto& field : field_table<Row>())
    text +=
        fmt::format("| `{}` | {} | {} | {} |\n", field.name, field_type_name(field.type), field.unit, field.meaning);
  return text;
}

template const Field<SampleRow>* find_field(const std::string&);
template const Field<SummaryRow>* find_field(const std::string&);
template FieldValue parse_field(const Field<SampleRow>&, const std::string&, const std::string&);
template FieldValue parse_field(const Field<SummaryRow>&, const std::string&, const std::string&);
template std::string schema_text<SampleRow>();
template std::string schema_text<SummaryRow>();
template std::string markdown_field_list<SampleRow>();
template std::string markdown_field_list<SummaryRow>();

}  // namespace dynexec
