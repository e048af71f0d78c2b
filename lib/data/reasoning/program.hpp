// A tiny imperative language (a subset of Python's syntax) and its interpreter: the reference of the program family.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dynexec::reasoning {

struct Execution {
  std::string output;              // what print() wrote, one value a line, no final newline
  std::vector<std::string> steps;  // "x = 3 + 4 = 7." for each operation, "7 > 5 is true." for each test
};

// Statements: NAME = EXPR, print(EXPR), for NAME in range(INT):, if EXPR REL EXPR: with optional else:, blocks by
// indentation. EXPR: integers, names, + - * // % and parentheses; REL: < > <= >= == !=. 64-bit arithmetic, // and %
// round towards minus infinity. Error(data) with the line for syntax errors, unknown names, division by zero,
// overflow, more than 10,000 executed statements or nesting deeper than 16.
Execution run_program(std::string_view source);

}  // namespace dynexec::reasoning
