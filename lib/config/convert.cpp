#include "config/convert.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace dynexec::config_detail {
namespace {

std::string shown(const Value& value) {
  return fmt::format("`{}`", excerpt(value.text));
}

void require_plain(const Value& value, const std::string& expected, const std::string& hint) {
  if (value.kind == Kind::null) fail_at(value, "has no value", fmt::format("write {}, or remove the line", expected));
  if (value.kind != Kind::scalar) {
    fail_at(value, fmt::format("is {}, where {} is expected", kind_name(value), expected), hint);
  }
  if (value.quoted) {
    fail_at(value, fmt::format("is the quoted text {}, where {} is expected", shown(value), expected),
            "write it without quotes");
  }
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

enum class IntResult { good, malformed, overflow, leading_zero };

// Digits in `base`, into the magnitude.
IntResult parse_magnitude(std::string_view digits, int base, std::uint64_t& magnitude) {
  const char* end = digits.data() + digits.size();
  const auto [stop, code] = std::from_chars(digits.data(), end, magnitude, base);
  if (code == std::errc::result_out_of_range) return IntResult::overflow;
  return code == std::errc() && stop == end ? IntResult::good : IntResult::malformed;
}

IntResult parse_decimal(std::string_view digits, std::uint64_t& magnitude) {
  const std::size_t e = digits.find_first_of("eE");
  const std::string_view mantissa = digits.substr(0, e);
  if (!is_digits(mantissa)) return IntResult::malformed;
  if (mantissa.size() > 1 && mantissa[0] == '0') return IntResult::leading_zero;
  const IntResult result = parse_magnitude(mantissa, 10, magnitude);
  if (result != IntResult::good || e == std::string_view::npos) return result;
  std::string_view exponent = digits.substr(e + 1);
  if (!exponent.empty() && exponent[0] == '+') exponent.remove_prefix(1);
  if (!is_digits(exponent)) return IntResult::malformed;
  std::uint64_t zeros = 0;
  if (parse_magnitude(exponent, 10, zeros) != IntResult::good) zeros = 99;
  for (; zeros > 0 && magnitude != 0; --zeros) {
    if (magnitude > std::numeric_limits<std::uint64_t>::max() / 10) return IntResult::overflow;
    magnitude *= 10;
  }
  return IntResult::good;
}

IntResult parse_int(std::string_view text, std::int64_t& number) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  std::uint64_t magnitude = 0;
  const bool hexadecimal = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  const IntResult result =
      hexadecimal ? parse_magnitude(text.substr(2), 16, magnitude) : parse_decimal(text, magnitude);
  if (result != IntResult::good) return result;
  const std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
  if (magnitude > limit + (negative ? 1 : 0)) return IntResult::overflow;
  number = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  return IntResult::good;
}

std::string int_hint(const Value& value) {
  const std::optional<double> number = parse_number(value.text);
  if (!number) return "write a whole number, for example 4";
  if (*number == std::floor(*number)) return "write it without the decimal point";
  return "write a whole number; a fraction is not accepted here";
}

}  // namespace

bool to_bool(Value& value) {
  require_plain(value, "true or false", "write true or false");
  const std::string& text = value.text;
  const bool yes = text == "true" || text == "True" || text == "TRUE";
  const bool no = text == "false" || text == "False" || text == "FALSE";
  if (!yes && !no) fail_at(value, fmt::format("is {}, neither true nor false", shown(value)), "write true or false");
  value.canonical = canonical(yes);
  return yes;
}

std::int64_t to_int(Value& value) {
  require_plain(value, "a whole number", "write one whole number");
  std::int64_t number = 0;
  switch (parse_int(value.text, number)) {
    case IntResult::good:
      break;
    case IntResult::malformed:
      fail_at(value, fmt::format("is {}, not a whole number", shown(value)), int_hint(value));
    case IntResult::overflow:
      fail_at(value, fmt::format("is {}, outside the range of 64-bit integers", shown(value)),
              "write a smaller number");
    case IntResult::leading_zero:
      fail_at(value, fmt::format("is {}, a number with a leading zero", shown(value)),
              "write it without the zero, as some readers would take it for octal");
  }
  value.canonical = canonical(number);
  return number;
}

std::optional<double> parse_number(const std::string& text) {
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
  // from_chars also knows "inf", "nan" and words that begin like them.
  const std::size_t first = digits.find_first_not_of('-');
  if (first == std::string_view::npos || first > 1 || (first == 1 && digits.size() != text.size())) return {};
  if (digits.find_first_of("0123456789") == std::string_view::npos || digits.find_first_of("nNiI") < digits.size()) {
    return {};
  }
  double number = 0.0;
  const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code != std::errc() || stop != digits.data() + digits.size()) return {};
  return number;
}

double to_double(Value& value) {
  require_plain(value, "a number", "write one number");
  const std::optional<double> number = parse_number(value.text);
  if (!number) {
    const bool special = value.text.find_first_of("0123456789") == std::string::npos && value.text[0] == '.';
    fail_at(value, fmt::format("is {}, not a number{}", shown(value), special ? " that can be used" : ""),
            "write a finite decimal number, for example 0.5 or 1e-3");
  }
  if (value.canonical.empty()) value.canonical = canonical(*number);
  return *number;
}

std::string to_text(const Value& value) {
  if (value.kind == Kind::null) {
    fail_at(value, "has no value", "write a text (\"\" for an empty one), or remove the line");
  }
  if (value.kind != Kind::scalar) {
    fail_at(value, fmt::format("is {}, where a text is expected", kind_name(value)), "write one text");
  }
  return value.text;
}

std::string canonical(bool value) {
  return value ? "true" : "false";
}
std::string canonical(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string canonical(double value) {
  const std::string text = fmt::format("{}", value);
  return text == "-0" ? "0" : text;
}

}  // namespace dynexec::config_detail
