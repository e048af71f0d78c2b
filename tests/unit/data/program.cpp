#include "data/reasoning/program.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.hpp"

using dynexec::Error;
using dynexec::reasoning::run_program;

TEST_CASE("the interpreter runs assignments, loops and branches") {
  CHECK(run_program("x = 3\ny = x + 4\nprint(y)").output == "7");
  CHECK(run_program("x = 2 + 3 * 4\nprint(x)").output == "14");
  CHECK(run_program("x = (2 + 3) * 4\nprint(x)").output == "20");
  CHECK(run_program("x = 10 - 3 - 2\nprint(x)").output == "5");
  CHECK(run_program("x = 1\nfor i in range(4):\n  x = x * 2\nprint(x)").output == "16");
  CHECK(run_program("x = 0\nfor i in range(4):\n  x = x + i\nprint(x)").output == "6");
  CHECK(run_program("x = 5\nif x > 4:\n  x = 1\nelse:\n  x = 2\nprint(x)").output == "1");
  CHECK(run_program("x = 4\nif x > 4:\n  x = 1\nelse:\n  x = 2\nprint(x)").output == "2");
  CHECK(run_program("x = 0\nfor i in range(3):\n  for j in range(2):\n    x = x + 1\nprint(x)").output == "6");
  CHECK(run_program("x = 1\nprint(x)\nprint(x + 1)").output == "1\n2");
  CHECK(run_program("for i in range(0):\n  i = 1\nprint(7)").output == "7");
}

TEST_CASE("division and remainder round towards minus infinity, as in Python") {
  const auto value = [](const std::string& expression) { return run_program("print(" + expression + ")").output; };
  CHECK(value("7 // 2") == "3");
  CHECK(value("(0 - 7) // 2") == "-4");
  CHECK(value("7 // (0 - 2)") == "-4");
  CHECK(value("(0 - 7) % 3") == "2");
  CHECK(value("7 % (0 - 3)") == "-2");
  CHECK(value("(0 - 6) // 3") == "-2");
}

TEST_CASE("the trace shows each operation with its values") {
  const auto run = run_program("a = 7\nif a > 5:\n  a = a - 2\nprint(a)");
  CHECK(run.steps == std::vector<std::string>{"a = 7.", "7 > 5 is true.", "a = 7 - 2 = 5."});
}

TEST_CASE("bad programs are one clear error each") {
  for (const std::string source :
       {"x = ", "x = y", "x = 1 / 0", "print(1 // 0)", "print(1 % 0)", "x == 1", "if 1 > 0:\nprint(1)", "  x = 1",
        "x = 1\n  y = 2", "for i in range(2)\n  x = 1", "print(1", "print(1) 2", "1 = x", "x = 99999999999999999999",
        "x = 9223372036854775807 + 1", "else:\n  x = 1", "while 1:\n  x = 1", "for i in range(100000):\n  x = i",
        "x = $"}) {
    CAPTURE(source);
    CHECK_THROWS_AS(run_program(source), Error);
  }
  CHECK_THROWS_AS(run_program("print(" + std::string(100000, '(') + "1"), Error);
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "if 1 > 0:\n";
  CHECK_THROWS_AS(run_program(deep + std::string(40, ' ') + "x = 1"), Error);
}
