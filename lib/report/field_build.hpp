// How the two field tables are written down: one line a column, with the type taken from the row's member.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "report/field_table.hpp"

namespace dynexec::field_build {

// A negative integer that stands for "missing".
enum class Missing { never, below_zero };

template <class T>
constexpr FieldType type_of() {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::optional<bool>>) {
    return FieldType::flag;
  } else if constexpr (std::is_same_v<T, double>) {
    return FieldType::real;
  } else if constexpr (std::is_integral_v<T>) {
    return FieldType::integer;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return FieldType::list;
  } else {
    static_assert(std::is_same_v<T, std::string>);
    return FieldType::text;
  }
}

template <class T>
FieldValue to_value(const T& member, Missing missing) {
  if constexpr (std::is_same_v<T, std::optional<bool>>) {
    return member ? FieldValue(*member) : FieldValue();
  } else if constexpr (std::is_same_v<T, double>) {
    return member == member ? FieldValue(member) : FieldValue();
  } else if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::int64_t>) {
    if (missing == Missing::below_zero && member < 0) return {};
    return static_cast<std::int64_t>(member);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return member.empty() ? FieldValue() : FieldValue(member);
  } else {
    return member;
  }
}

template <class T>
void from_value(const FieldValue& value, T& member) {
  if (std::holds_alternative<std::monostate>(value)) return;
  if constexpr (std::is_same_v<T, std::optional<bool>>) {
    member = std::get<bool>(value);
  } else if constexpr (std::is_same_v<T, int>) {
    const auto wide = std::get<std::int64_t>(value);
    if (!std::in_range<int>(wide))
      throw Error(ErrorKind::data, std::to_string(wide) + " is out of range", "", "remove the damaged line");
    member = static_cast<int>(wide);
  } else {
    member = std::get<T>(value);
  }
}

// What a row says about itself when its sample failed: figures then are missing instead of zero.
inline bool has_figures(const SampleRow& row) {
  return row.error.empty();
}
template <class Row>
bool has_figures(const Row&) {
  return true;
}

template <class Row>
class Builder {
 public:
  // access: a lambda without captures that returns a reference to the member.
  template <class Access>
  Builder& label(const std::string& name, const char* unit, const std::string& meaning, Access) {
    using T = std::decay_t<decltype(Access{}(std::declval<Row&>()))>;
    return add<Access>(name, unit, type_of<T>(), meaning,
                       [](const Row& row) { return to_value(Access{}(row), Missing::never); });
  }

  // As label, but missing in the rows of failed samples. An Interval gives three columns.
  template <Missing missing = Missing::never, class Access>
  Builder& figure(const std::string& name, const char* unit, const std::string& meaning, Access access) {
    using T = std::decay_t<decltype(access(std::declval<Row&>()))>;
    if constexpr (std::is_same_v<T, Interval>) {
      const auto value = [](auto& row) -> auto& {
        return Access{}(row).value;
      };
      const auto low = [](auto& row) -> auto& {
        return Access{}(row).low;
      };
      const auto high = [](auto& row) -> auto& {
        return Access{}(row).high;
      };
      figure(name, unit, meaning, value);
      figure(name + "_ci_low", unit, "lower end of its 95 % interval", low);
      return figure(name + "_ci_high", unit, "upper end of its 95 % interval", high);
    } else {
      return add<Access>(name, unit, type_of<T>(), meaning, [](const Row& row) {
        return has_figures(row) ? to_value(Access{}(row), missing) : FieldValue();
      });
    }
  }

  std::vector<Field<Row>> fields() && { return std::move(fields_); }

 private:
  template <class Access>
  Builder& add(const std::string& name, const char* unit, FieldType type, const std::string& meaning,
               FieldValue (*get)(const Row&)) {
    fields_.push_back(
        {name, unit, type, meaning, get, [](Row& row, const FieldValue& value) { from_value(value, Access{}(row)); }});
    return *this;
  }

  std::vector<Field<Row>> fields_{schema_version()};

  static Field<Row> schema_version() {
    return {"schema_version",
            "",
            FieldType::integer,
            "version of these columns",
            [](const Row&) { return FieldValue(kSchemaVersion); },
            [](Row&, const FieldValue& value) {
              if (value != FieldValue(kSchemaVersion))
                throw Error(ErrorKind::data,
                            "the row has schema version " + field_text(value) + ", this dynexec writes " +
                                std::to_string(kSchemaVersion),
                            "", "measure again, or read the file with the dynexec that wrote it");
            }};
  }
};

}  // namespace dynexec::field_build

// The member behind a column.
#define DYNEXEC_MEMBER(path) \
  [](auto& row) -> auto& {   \
    return row.path;         \
  }
