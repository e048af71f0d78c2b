#include "data/tokenizer_regex_property.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace dynexec {
namespace {

struct LongName {
  std::string_view name, item;
};

constexpr std::array<LongName, 37> kLongNames{{
    {"letter", "L"},
    {"uppercaseletter", "Lu"},
    {"lowercaseletter", "Ll"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"mark", "M"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"symbol", "S"},
    {"mathsymbol", "Sm"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"spaceseparator", "Zs"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"digit", "Nd"},
    {"alpha", "Alphabetic"},
    {"alphabetic", "Alphabetic"},
    {"space", "White_Space"},
    {"whitespace", "White_Space"},
    {"upper", "Uppercase"},
    {"uppercase", "Uppercase"},
    {"lower", "Lowercase"},
    {"lowercase", "Lowercase"},
    {"emoji", "Emoji"},
    {"extendedpictographic", "Extended_Pictographic"},
    {"ideographic", "Ideographic"},
}};

constexpr std::array<std::string_view, 37> kCategories{
    "l",  "lu", "ll", "lt", "lm", "lo", "m",  "mn", "mc", "me", "n",  "nd", "nl", "no", "p",  "pc", "pd", "ps", "pe",
    "pi", "pf", "po", "s",  "sm", "sc", "sk", "so", "z",  "zs", "zl", "zp", "c",  "cc", "cf", "cn", "co", "any"};

// Names of this dialect that are unions or have another meaning in PCRE2.
constexpr std::array<std::string_view, 12> kRefused{"word",  "alnum",    "punct",       "graph",
                                                    "print", "cntrl",    "blank",       "xdigit",
                                                    "ascii", "assigned", "xposixpunct", "posixpunct"};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

std::string translate_property(std::string_view name, bool negated) {
  if (name.starts_with('^')) {
    name.remove_prefix(1);
    negated = !negated;
  }
  std::string key;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) {
      key += static_cast<char>(c | 0x20);
    } else if (c != ' ' && c != '_' && c != '-') {
      return "";
    }
  }
  if (key.empty() || contains(kRefused, key)) return "";
  const char* escape = negated ? "\\P" : "\\p";
  if (contains(kCategories, key)) {
    key[0] = static_cast<char>(key[0] & ~0x20);
    return fmt::format("{}{{{}}}", escape, key);
  }
  for (const LongName& row : kLongNames) {
    if (row.name == key) return fmt::format("{}{{{}}}", escape, row.item);
  }
  return fmt::format("{}{{sc:{}}}", escape, key);
}

}  // namespace dynexec
