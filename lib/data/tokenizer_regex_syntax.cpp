#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.hpp"
#include "data/tokenizer_regex.hpp"
#include "data/tokenizer_regex_property.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

constexpr std::string_view kSpace = R"(\p{White_Space})", kNotSpace = R"(\P{White_Space})";
// Of the superscripts and fractions, Latin-1's alone are word characters here.
constexpr std::string_view kWordItems = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";
constexpr std::string_view kHexItems = "0-9a-fA-F";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where) : in_(pattern), where_(where) {}

  std::string run() {
    groups_.push_back({0, 0});
    while (at_ < in_.size()) step();
    if (groups_.size() != 1) refuse("an unclosed group");
    out_.append(groups_.back().pending, ')');
    return std::move(out_);
  }

 private:
  struct Group {
    std::size_t start;    // where the group begins in out_
    std::size_t pending;  // isolated options that end with the group
  };

  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(ErrorKind::model, fmt::format("the pattern '{}' uses {}, which is not supported", in_, what), where_,
                "use a tokenizer with a plainer pattern");
  }

  char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  bool starts(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  void begin_atom() { atom_ = out_.size(); }

  void step() {
    const char c = peek();
    switch (c) {
      case '\\':
        begin_atom();
        return escape();
      case '[':
        begin_atom();
        return char_class();
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '*':
      case '+':
      case '?':
        out_ += c, ++at_;
        return;
      case '{':
        return interval();
      case '|':
        out_ += c, ++at_;
        atom_ = std::string::npos;
        return;
      default:
        begin_atom();
        return copy_character();
    }
  }

  void copy_character() {
    const std::size_t bytes = decode_utf8(in_, at_).bytes;
    out_.append(in_, at_, bytes);
    at_ += bytes;
  }

  void open_group() {
    if (starts("(*")) refuse("(*");
    groups_.push_back({out_.size(), 0});
    if (!starts("(?")) {
      out_ += '(', ++at_;
      return;
    }
    for (const std::string_view plain : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
      if (!starts(plain)) continue;
      out_ += plain, at_ += plain.size();
      return;
    }
    if (starts("(?<") && (is_ascii_letter(peek(3)) || peek(3) == '_')) {
      const std::size_t end = in_.find('>', at_);
      if (end == std::string_view::npos) refuse("an unclosed group name");
      out_.append(in_, at_, end + 1 - at_);
      at_ = end + 1;
      return;
    }
    options();
  }

  // (?i), (?i:...), (?m-i) and so on. In this dialect m lets the dot match a newline, and an isolated option
  // covers the rest of the group with all its alternatives.
  void options() {
    std::size_t end = at_ + 2;
    std::string flags;
    for (; end < in_.size() && (in_[end] == 'i' || in_[end] == 'm' || in_[end] == '-'); ++end) {
      flags += in_[end] == 'm' ? 's' : in_[end];
    }
    if (flags.empty() || end == in_.size() || (in_[end] != ':' && in_[end] != ')')) {
      refuse(fmt::format("the group '{}'", in_.substr(at_, 4)));
    }
    out_ += "(?" + flags + ":";
    if (in_[end] == ')') {
      groups_.pop_back();
      ++groups_.back().pending;
      atom_ = std::string::npos;
    }
    at_ = end + 1;
  }

  void close_group() {
    if (groups_.size() == 1) refuse("an unmatched ')'");
    out_.append(groups_.back().pending + 1, ')');
    ++at_;
    atom_ = groups_.back().start;
    groups_.pop_back();
  }

  // {n}, {n,}, {,m}, {n,m}; anything else is a literal brace. Here a + or (behind {n}) a ? that follows is a
  // quantifier of its own, where PCRE2 reads "possessive" or "lazy".
  void interval() {
    std::size_t end = at_ + 1;
    const auto digits = [&] {
      const std::size_t from = end;
      while (end < in_.size() && is_digit(in_[end])) ++end;
      return in_.substr(from, end - from);
    };
    const std::string_view low = digits();
    const bool comma = end < in_.size() && in_[end] == ',';
    if (comma) ++end;
    const std::string_view high = comma ? digits() : std::string_view{};
    if (end >= in_.size() || in_[end] != '}' || (low.empty() && high.empty())) {
      begin_atom();
      out_ += "\\{", ++at_;
      return;
    }
    if (atom_ == std::string::npos) refuse("an interval without anything before it");
    out_ += fmt::format("{{{}{}{}}}", low.empty() ? "0" : low, comma ? "," : "", high);
    at_ = end + 1;
    if (peek() == '+' || (peek() == '?' && !comma)) {
      out_.insert(atom_, "(?:");
      out_ += ')';
    }
  }

  void escape() {
    ++at_;
    const char c = peek();
    switch (c) {
      case 's':
        out_ += kSpace;
        break;
      case 'S':
        out_ += kNotSpace;
        break;
      case 'd':
        out_ += R"(\p{Nd})";
        break;
      case 'D':
        out_ += R"(\P{Nd})";
        break;
      case 'w':
        out_ += fmt::format("[{}]", kWordItems);
        break;
      case 'W':
        out_ += fmt::format("[^{}]", kWordItems);
        break;
      case 'h':
        out_ += fmt::format("[{}]", kHexItems);
        break;
      case 'H':
        out_ += fmt::format("[^{}]", kHexItems);
        break;
      case 'b':
        out_ += fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWordItems);
        break;
      case 'B':
        out_ += fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWordItems);
        break;
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
      case 'R':
      case 'X':
        out_ += '\\', out_ += c;
        break;
      default:
        if (c >= '1' && c <= '9' && !is_digit(peek(1))) {
          out_ += '\\', out_ += c;
          break;
        }
        return shared_escape();
    }
    ++at_;
  }

  // Escapes that mean the same inside and outside a class; at_ is behind the backslash.
  void shared_escape() {
    const char c = peek();
    switch (c) {
      case '\0':
        if (at_ == in_.size()) refuse("a backslash at its end");
        break;
      case 'n':
      case 't':
      case 'r':
      case 'f':
      case 'a':
      case 'e':
        out_ += '\\', out_ += c, ++at_;
        return;
      case 'v':
        out_ += "\\x{0b}", ++at_;
        return;
      case 'x':
      case 'u':
        return numbered_character();
      case 'p':
      case 'P':
        return property();
      default:
        break;
    }
    if (is_digit(c) || is_ascii_letter(c) || c == '\0') refuse(fmt::format("'\\{}'", c == '\0' ? '0' : c));
    if (static_cast<unsigned char>(c) < 0x80) out_ += '\\';
    copy_character();
  }

  void numbered_character() {
    const bool braces = peek() == 'x' && peek(1) == '{';
    const std::size_t from = at_ + (braces ? 2 : 1);
    const std::size_t most = braces ? 6 : peek() == 'u' ? 4 : 2;
    std::size_t end = from;
    while (end < in_.size() && end - from < most && std::isxdigit(static_cast<unsigned char>(in_[end])) != 0) ++end;
    if (end == from || (peek() == 'u' && end - from != 4) || (braces && (end >= in_.size() || in_[end] != '}'))) {
      refuse("a malformed character number");
    }
    const unsigned long value = std::stoul(std::string(in_.substr(from, end - from)), nullptr, 16);
    if (peek() == 'x' && !braces && value >= 0x80) refuse("a single byte of a character");
    out_ += fmt::format("\\x{{{:x}}}", value);
    at_ = end + (braces ? 1 : 0);
  }

  void property() {
    const bool negated = peek() == 'P';
    const std::size_t end = peek(1) == '{' ? in_.find('}', at_) : std::string_view::npos;
    if (end == std::string_view::npos) refuse("a property without braces");
    const std::string_view name = in_.substr(at_ + 2, end - at_ - 2);
    const std::string item = translate_property(name, negated);
    if (item.empty()) refuse(fmt::format("the property '{}'", name));
    out_ += item;
    at_ = end + 1;
  }

  void char_class() {
    out_ += '[', ++at_;
    if (peek() == '^') out_ += '^', ++at_;
    if (peek() == ']') out_ += "\\]", ++at_;
    while (peek() != ']') {
      if (at_ >= in_.size()) refuse("an unclosed character class");
      if (starts("&&")) refuse("an intersection of classes");
      if (peek() == '[') {
        posix_class();
      } else if (peek() == '\\') {
        ++at_;
        class_escape();
      } else {
        copy_character();
      }
    }
    out_ += ']', ++at_;
  }

  void class_escape() {
    switch (peek()) {
      case 's':
        out_ += kSpace;
        break;
      case 'S':
        out_ += kNotSpace;
        break;
      case 'd':
        out_ += R"(\p{Nd})";
        break;
      case 'D':
        out_ += R"(\P{Nd})";
        break;
      case 'w':
        out_ += kWordItems;
        break;
      case 'h':
        out_ += kHexItems;
        break;
      case 'b':
        out_ += "\\x{08}";
        break;
      default:
        return shared_escape();
    }
    ++at_;
  }

  void posix_class() {
    struct Row {
      std::string_view name, items;
    };
    static constexpr std::array<Row, 8> kRows{{{"[:alpha:]", R"(\p{Alphabetic})"},
                                               {"[:digit:]", R"(\p{Nd})"},
                                               {"[:alnum:]", R"(\p{Alphabetic}\p{Nd})"},
                                               {"[:space:]", kSpace},
                                               {"[:upper:]", R"(\p{Uppercase})"},
                                               {"[:lower:]", R"(\p{Lowercase})"},
                                               {"[:xdigit:]", kHexItems},
                                               {"[:word:]", kWordItems}}};
    for (const Row& row : kRows) {
      if (!starts(row.name)) continue;
      out_ += row.items, at_ += row.name.size();
      return;
    }
    refuse("a class inside a class");
  }

  std::string_view in_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = std::string::npos;  // where the last quantifiable item begins in out_
  std::vector<Group> groups_;
};

}  // namespace

std::string translate_regex(std::string_view pattern, const std::string& where) {
  if (!is_valid_utf8(pattern)) {
    throw Error(ErrorKind::model, "a pattern is not valid UTF-8", where, "the file is damaged; download it again");
  }
  return Translator(pattern, where).run();
}

}  // namespace dynexec
