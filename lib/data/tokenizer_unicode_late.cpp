#include "data/tokenizer_unicode_late.hpp"

#include <algorithm>
#include <array>

namespace dynexec {
namespace {

struct CharacterRange {
  char32_t first, last;
};

// Found by asking the library about every character. Ranges run across characters that have no such property
// anyway.
constexpr std::array<CharacterRange, 39> kLateForNormalForms{
    {{0x7fd, 0x7fd},     {0x898, 0x8d3},     {0x9fe, 0x9fe},     {0xafa, 0xaff},     {0xb55, 0xb55},
     {0xc04, 0xc04},     {0xc3c, 0xc3c},     {0xd00, 0xd00},     {0xd3b, 0xd3c},     {0xd81, 0xd81},
     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x180f, 0x180f},   {0x1abf, 0x1ace},   {0x1cf7, 0x1cf7},
     {0x1df6, 0x1dfa},   {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},   {0xa8ff, 0xa8ff},
     {0xab69, 0xab69},   {0x10781, 0x107ba}, {0x10d24, 0x10f85}, {0x11070, 0x11074}, {0x110c2, 0x110c2},
     {0x11145, 0x11146}, {0x111c9, 0x111c9}, {0x111ce, 0x111cf}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e},
     {0x1182c, 0x11a99}, {0x11d31, 0x11ef6}, {0x16f4f, 0x16f4f}, {0x16f7f, 0x16f87}, {0x16fe4, 0x16ff1},
     {0x1cf00, 0x1cf46}, {0x1e130, 0x1e2ef}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9}}};

constexpr std::array<CharacterRange, 12> kLatePunctuation{{{0x61d, 0x61d},
                                                           {0x9fd, 0xa76},
                                                           {0xc77, 0xc84},
                                                           {0x1b7d, 0x1b7e},
                                                           {0x2e43, 0x2e5d},
                                                           {0x10ead, 0x10f89},
                                                           {0x1144b, 0x1145d},
                                                           {0x11660, 0x116b9},
                                                           {0x1183b, 0x11fff},
                                                           {0x12ff1, 0x12ff2},
                                                           {0x16e97, 0x16fe2},
                                                           {0x1e95e, 0x1e95f}}};

constexpr std::array<CharacterRange, 31> kLateNonspacing{
    {{0x7fd, 0x7fd},     {0x898, 0x8e1},     {0x9fe, 0x9fe},     {0xafa, 0xaff},     {0xb55, 0xb55},
     {0xc04, 0xc3c},     {0xd00, 0xd00},     {0xd3b, 0xd3c},     {0xd81, 0xd81},     {0xeba, 0xeba},
     {0x180f, 0x1886},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfb},   {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},
     {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},   {0x10d24, 0x10f85}, {0x11070, 0x11074}, {0x110c2, 0x110c2},
     {0x111c9, 0x111c9}, {0x111cf, 0x111cf}, {0x1123e, 0x1123e}, {0x1133b, 0x1133b}, {0x11438, 0x1145e},
     {0x1182f, 0x11ef4}, {0x16f4f, 0x16f4f}, {0x16fe4, 0x16fe4}, {0x1cf00, 0x1cf46}, {0x1e000, 0x1e2ef},
     {0x1e944, 0x1e94a}}};

constexpr std::array<CharacterRange, 4> kLateControls{
    {{0x890, 0x891}, {0x8e2, 0x8e2}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}}};

template <class Table>
bool contains(const Table& table, char32_t value) {
  if (value < table.front().first) return false;
  const auto range = std::lower_bound(table.begin(), table.end(), value,
                                      [](const CharacterRange& r, char32_t v) { return r.last < v; });
  return range != table.end() && range->first <= value;
}

}  // namespace

bool is_late_for_normal_forms(char32_t value) {
  return contains(kLateForNormalForms, value);
}

bool is_late_nonspacing(char32_t value) {
  return contains(kLateNonspacing, value);
}

bool is_late_control(char32_t value) {
  return contains(kLateControls, value);
}

bool is_late_punctuation(char32_t value) {
  return contains(kLatePunctuation, value);
}

}  // namespace dynexec
