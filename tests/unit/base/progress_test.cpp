#include "base/progress.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "temp_folder.hpp"

using dynexec::Progress;
using dynexec::ProgressOptions;
using Style = ProgressOptions::Style;

namespace {

// A progress that writes to a file and lives by a clock that the test sets.
struct Bench {
  dynexec_test::TempFolder folder;
  double now = 100.0;
  int descriptor = ::open(folder.file("out").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);

  ~Bench() { ::close(descriptor); }

  ProgressOptions options(Style style, std::uint64_t total = 200) {
    ProgressOptions options;
    options.label = "bench";
    options.total = total;
    options.unit = "rows";
    options.descriptor = descriptor;
    options.clock = [this] { return now; };
    options.style = style;
    return options;
  }
  std::string text() const { return dynexec_test::read_text(folder.file("out")); }
};

// NO_COLOR for one scope.
struct NoColor {
  explicit NoColor(const char* value) {
    if (value != nullptr) {
      ::setenv("NO_COLOR", value, 1);
    } else {
      ::unsetenv("NO_COLOR");
    }
  }
  ~NoColor() { ::unsetenv("NO_COLOR"); }
};

}  // namespace

TEST_CASE("away from a terminal a plain line appears every ten seconds, and one at the end") {
  Bench bench;
  {
    Progress progress(bench.options(Style::detect));  // the file is no terminal
    for (int i = 0; i < 100; ++i) {
      bench.now += 0.25;
      progress.advance();
    }
    CHECK(bench.text() ==
          "bench: 20%  40/200 rows  4.00/s  40.0 s left\nbench: 40%  80/200 rows  4.00/s  30.0 s left\n");
    progress.note("loss 1.25");
    progress.advance(100);
    progress.finish();
    progress.finish();
  }
  const std::string text = bench.text();
  CHECK(text.substr(text.find("bench: 100%")) == "bench: 100%  200/200 rows  8.00/s  in 25.0 s  loss 1.25\n");
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
}

TEST_CASE("a disabled progress is silent") {
  Bench bench;
  ProgressOptions options = bench.options(Style::bar);
  options.enabled = false;
  {
    Progress progress(options);
    bench.now += 100;
    progress.advance(200);
    progress.finish();
  }
  CHECK(bench.text().empty());
}

TEST_CASE("a bar redraws its line at most ten times a second") {
  Bench bench;
  const NoColor plain("1");
  {
    Progress progress(bench.options(Style::bar));
    for (int i = 0; i < 100; ++i) {
      bench.now += 0.0625;
      progress.advance();
    }
    progress.advance(100);
    progress.finish();
  }
  const std::string text = bench.text();
  const auto draws = std::count(text.begin(), text.end(), '\r');
  CHECK(draws == 51);  // at the 1st, 3rd, … 99th row, and the end
  CHECK(text.find("\rbench [###########-------------]  50% 99/200 rows  16.0/s  6.3 s left\033[K") !=
        std::string::npos);
  CHECK(text.find("\rbench [########################] 100% 200/200 rows  32.0/s  in 6.2 s\033[K\n") !=
        std::string::npos);
  CHECK(text.find("\033[3") == std::string::npos);  // no colour
  CHECK(text.substr(text.size() - 4) == "\033[K\n");
}

TEST_CASE("NO_COLOR takes the colour off, an empty one does not") {
  const auto drawn = [](const char* value) {
    Bench bench;
    const NoColor variable(value);
    Progress progress(bench.options(Style::bar));
    progress.advance();
    return bench.text();
  };
  CHECK(drawn(nullptr).find("\033[32m") != std::string::npos);
  CHECK(drawn("").find("\033[32m") != std::string::npos);
  CHECK(drawn("1").find("\033[32m") == std::string::npos);
}

TEST_CASE("work of an earlier run counts as done but not towards the rate") {
  Bench bench;
  Progress progress(bench.options(Style::lines));
  progress.skip(100);
  bench.now += 10.0;
  progress.advance(50);
  CHECK(bench.text() == "bench: 75%  150/200 rows  5.00/s  10.0 s left\n");
}

TEST_CASE("an unknown total shows counts only") {
  Bench bench;
  Progress progress(bench.options(Style::lines, 0));
  bench.now += 20.0;
  progress.advance(30);
  CHECK(bench.text() == "bench: 30 rows  1.50/s\n");
}

TEST_CASE("a bar that breaks off ends its line") {
  Bench bench;
  {
    Progress progress(bench.options(Style::bar));
    progress.advance();
  }
  CHECK(bench.text().back() == '\n');
}

TEST_CASE("labels and notes cannot drive the terminal") {
  Bench bench;
  ProgressOptions options = bench.options(Style::lines);
  options.label = "a\x1b[2J";
  Progress progress(options);
  progress.note("b\nc");
  progress.finish();
  CHECK(bench.text().find('\x1b') == std::string::npos);
  CHECK(bench.text().find("b\\nc") != std::string::npos);
}

TEST_CASE("durations are readable at every size") {
  CHECK(dynexec::format_duration(0.0) == "0 ms");
  CHECK(dynexec::format_duration(0.85) == "850 ms");
  CHECK(dynexec::format_duration(0.99951) == "1.0 s");
  CHECK(dynexec::format_duration(12.34) == "12.3 s");
  CHECK(dynexec::format_duration(59.96) == "1 min 00 s");
  CHECK(dynexec::format_duration(245) == "4 min 05 s");
  CHECK(dynexec::format_duration(3599.9) == "1 h 00 min");
  CHECK(dynexec::format_duration(7620) == "2 h 07 min");
  CHECK(dynexec::format_duration(1e300) == "over 100 years");
  CHECK(dynexec::format_duration(-1.0) == "?");
}
