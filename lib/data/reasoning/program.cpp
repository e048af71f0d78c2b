#include "data/reasoning/program.hpp"

#include <cctype>
#include <cstdint>
#include <map>
#include <optional>

#include "base/error.hpp"

namespace dynexec::reasoning {
namespace {

constexpr int kMaxStatements = 10000;
constexpr int kMaxDepth = 16;

struct Line {
  std::size_t number = 0, indent = 0;
  std::string_view text;
};

[[noreturn]] void fail(const std::string& what, std::size_t line) {
  throw Error(ErrorKind::data, what, "program line " + std::to_string(line),
              "only assignments, print, for .. in range and if/else are known");
}

std::vector<Line> split_lines(std::string_view source) {
  std::vector<Line> lines;
  std::size_t number = 0;
  while (!source.empty()) {
    const std::size_t end = source.find('\n');
    std::string_view text = source.substr(0, end);
    source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
    ++number;
    const std::size_t indent = text.find_first_not_of(' ');
    if (indent == std::string_view::npos) continue;
    text.remove_prefix(indent);
    while (text.back() == ' ') text.remove_suffix(1);
    lines.push_back({number, indent, text});
  }
  return lines;
}

// Reads one line from left to right; values of names come from `variables`.
class Reader {
 public:
  Reader(const Line& line, const std::map<std::string, std::int64_t>& variables)
      : rest_(line.text), line_(line.number), variables_(variables) {}

  bool accept(std::string_view symbol) {
    skip_blanks();
    if (!rest_.starts_with(symbol)) return false;
    rest_.remove_prefix(symbol.size());
    return true;
  }
  // A keyword: not the beginning of a longer name.
  bool accept_word(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word) || (rest_.size() > word.size() && is_name(rest_[word.size()]))) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view symbol) {
    if (!accept(symbol)) fail("expected '" + std::string(symbol) + "'", line_);
  }
  void expect_end() {
    skip_blanks();
    if (!rest_.empty()) fail("unexpected '" + std::string(rest_) + "'", line_);
  }
  std::string name() {
    skip_blanks();
    std::size_t size = 0;
    while (size < rest_.size() && is_name(rest_[size])) ++size;
    if (size == 0 || std::isdigit(static_cast<unsigned char>(rest_[0]))) fail("expected a name", line_);
    std::string result(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return result;
  }
  // Sum of terms. `shown` receives the expression with every name replaced by its value.
  std::int64_t expression(std::string& shown, int depth = 0) {
    std::int64_t value = term(shown, depth);
    for (;;) {
      if (accept("+")) {
        shown += " + ";
        if (__builtin_add_overflow(value, term(shown, depth), &value)) fail("overflow", line_);
      } else if (accept("-")) {
        shown += " - ";
        if (__builtin_sub_overflow(value, term(shown, depth), &value)) fail("overflow", line_);
      } else {
        return value;
      }
    }
  }

 private:
  static bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
  void skip_blanks() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  std::int64_t term(std::string& shown, int depth) {
    std::int64_t value = factor(shown, depth);
    for (;;) {
      if (accept("//")) {
        shown += " // ";
        value = divide(value, factor(shown, depth)).first;
      } else if (accept("%")) {
        shown += " % ";
        value = divide(value, factor(shown, depth)).second;
      } else if (accept("*")) {
        shown += " * ";
        if (__builtin_mul_overflow(value, factor(shown, depth), &value)) fail("overflow", line_);
      } else {
        return value;
      }
    }
  }
  std::pair<std::int64_t, std::int64_t> divide(std::int64_t a, std::int64_t b) {
    if (b == 0) fail("division by zero", line_);
    if (a == INT64_MIN && b == -1) fail("overflow", line_);
    const bool inexact_negative = a % b != 0 && ((a < 0) != (b < 0));
    const std::int64_t quotient = a / b - (inexact_negative ? 1 : 0);
    return {quotient, a % b + (inexact_negative ? b : 0)};
  }
  std::int64_t factor(std::string& shown, int depth) {
    if (depth > kMaxDepth) fail("expression nested too deeply", line_);
    if (accept("(")) {
      shown += "(";
      const std::int64_t value = expression(shown, depth + 1);
      expect(")");
      shown += ")";
      return value;
    }
    skip_blanks();
    if (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_[0]))) {
      std::int64_t value = 0;
      while (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_[0]))) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, rest_[0] - '0', &value)) {
          fail("overflow", line_);
        }
        rest_.remove_prefix(1);
      }
      shown += std::to_string(value);
      return value;
    }
    const std::string variable = name();
    const auto found = variables_.find(variable);
    if (found == variables_.end()) fail("unknown name '" + variable + "'", line_);
    shown += std::to_string(found->second);
    return found->second;
  }

  std::string_view rest_;
  std::size_t line_;
  const std::map<std::string, std::int64_t>& variables_;
};

class Interpreter {
 public:
  explicit Interpreter(std::string_view source) : lines_(split_lines(source)) {}

  Execution run() {
    if (!lines_.empty()) {
      if (lines_[0].indent != 0) fail("unexpected indentation", lines_[0].number);
      block(0, lines_.size(), 0);
    }
    return std::move(execution_);
  }

 private:
  // First line after `from` that is indented at most as deeply as `from`.
  std::size_t block_end(std::size_t from, std::size_t end) const {
    std::size_t at = from + 1;
    while (at < end && lines_[at].indent > lines_[from].indent) ++at;
    if (at == from + 1) fail("expected an indented block", lines_[from].number);
    return at;
  }

  void block(std::size_t begin, std::size_t end, int depth) {
    if (depth > kMaxDepth) fail("blocks nested too deeply", lines_[begin].number);
    for (std::size_t at = begin; at < end;) {
      if (lines_[at].indent != lines_[begin].indent) fail("unexpected indentation", lines_[at].number);
      at = statement(at, end, depth);
    }
  }

  // Returns the line after the statement.
  std::size_t statement(std::size_t at, std::size_t end, int depth) {
    if (++executed_ > kMaxStatements) fail("the program runs too long", lines_[at].number);
    Reader reader(lines_[at], variables_);
    if (reader.accept_word("for")) return loop(reader, at, end, depth);
    if (reader.accept_word("if")) return branch(reader, at, end, depth);
    std::string shown;
    if (reader.accept("print(")) {
      const std::int64_t value = reader.expression(shown);
      reader.expect(")");
      reader.expect_end();
      if (!execution_.output.empty()) execution_.output += '\n';
      execution_.output += std::to_string(value);
      return at + 1;
    }
    const std::string target = reader.name();
    reader.expect("=");
    const std::int64_t value = reader.expression(shown);
    reader.expect_end();
    variables_[target] = value;
    const std::string result = std::to_string(value);
    execution_.steps.push_back(target + " = " + (shown == result ? "" : shown + " = ") + result + ".");
    return at + 1;
  }

  std::size_t loop(Reader& reader, std::size_t at, std::size_t end, int depth) {
    const std::string counter = reader.name();
    if (!reader.accept_word("in") || !reader.accept_word("range")) fail("expected 'in range'", lines_[at].number);
    std::string shown;
    reader.expect("(");
    const std::int64_t count = reader.expression(shown);
    reader.expect(")");
    reader.expect(":");
    reader.expect_end();
    const std::size_t after = block_end(at, end);
    for (std::int64_t i = 0; i < count; ++i) {
      if (++executed_ > kMaxStatements) fail("the program runs too long", lines_[at].number);
      variables_[counter] = i;
      block(at + 1, after, depth + 1);
    }
    return after;
  }

  std::size_t branch(Reader& reader, std::size_t at, std::size_t end, int depth) {
    std::string shown;
    const std::int64_t left = reader.expression(shown);
    std::string_view relation;
    for (const std::string_view symbol : {"<=", ">=", "==", "!=", "<", ">"}) {
      if (reader.accept(symbol)) {
        relation = symbol;
        break;
      }
    }
    if (relation.empty()) fail("expected a comparison", lines_[at].number);
    shown += " " + std::string(relation) + " ";
    const std::int64_t right = reader.expression(shown);
    reader.expect(":");
    reader.expect_end();
    const bool holds = relation == "<"    ? left < right
                       : relation == ">"  ? left > right
                       : relation == "<=" ? left <= right
                       : relation == ">=" ? left >= right
                       : relation == "==" ? left == right
                                          : left != right;
    execution_.steps.push_back(shown + " is " + (holds ? "true." : "false."));
    std::size_t after = block_end(at, end);
    const std::size_t then_end = after;
    std::optional<std::size_t> otherwise;
    if (after < end && lines_[after].indent == lines_[at].indent && lines_[after].text == "else:") {
      otherwise = after;
      after = block_end(after, end);
    }
    if (holds) {
      block(at + 1, then_end, depth + 1);
    } else if (otherwise) {
      block(*otherwise + 1, after, depth + 1);
    }
    return after;
  }

  std::vector<Line> lines_;
  std::map<std::string, std::int64_t> variables_;
  Execution execution_;
  int executed_ = 0;
};

}  // namespace

Execution run_program(std::string_view source) {
  return Interpreter(source).run();
}

}  // namespace dynexec::reasoning
