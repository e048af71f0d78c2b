// Scalars to typed values, strictly: no octal surprises, no truth value named "no", no number cut short.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/value.hpp"

namespace dynexec::config_detail {

// Each throws Error(config) at the value's place when the value is no such thing, and records how it was
// understood.
bool to_bool(Value& value);
// Decimal, 0x hexadecimal, or an exact power form such as 1e6 or 25e3.
std::int64_t to_int(Value& value);
// Finite decimal numbers.
double to_double(Value& value);
// Any scalar but null, as it was written.
std::string to_text(const Value& value);

// How a value is written in the resolved config. Doubles: the shortest form that reads back exactly.
std::string canonical(bool value);
std::string canonical(std::int64_t value);
std::string canonical(double value);

// The number in plain decimal notation, nothing when `text` is anything else or out of range.
std::optional<double> parse_number(const std::string& text);

}  // namespace dynexec::config_detail
