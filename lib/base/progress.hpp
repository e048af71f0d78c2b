// Progress of a long operation on stderr: a bar that redraws itself on a terminal, a plain line now and then
// elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace dynexec {

struct ProgressOptions {
  std::string label;        // "bench quickstart"
  std::uint64_t total = 0;  // units to do; 0 when unknown, then no bar, percentage or time left
  std::string unit;         // "rows"; shown with the rate as rows/s
  bool enabled = true;
  int descriptor = 2;
  // Seconds from any fixed start; the steady clock when empty.
  std::function<double()> clock;
  // Overrides of what is found out from the descriptor and the environment.
  enum class Style { detect, bar, lines } style = Style::detect;
};

// Owned and used by one thread. Drawing is limited to 10 times a second (a bar) or once in 10 s (lines), so
// calling advance() for every unit is cheap; nothing is written between calls, so a measured region stays
// undisturbed.
class Progress {
 public:
  explicit Progress(ProgressOptions options);
  // Ends the bar's line; without finish() the bar stays as it was, as the trace of an operation that broke
  // off.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t units = 1);
  // Units that were already done before this start (a resumed run): they count as done, not towards the rate.
  void skip(std::uint64_t units);
  // A short text behind the numbers, for example the latest loss.
  void note(std::string text);
  // Draws the last state, with the time taken.
  void finish();

 private:
  void draw(bool last);
  std::string bar_line(bool last) const;
  std::string plain_line(bool last) const;
  std::string numbers(bool last) const;

  ProgressOptions options_;
  bool bar_ = false;
  bool colour_ = false;
  bool finished_ = false;
  bool drawn_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t skipped_ = 0;
  std::string note_;
  double start_ = 0.0;
  double last_draw_ = 0.0;
};

// "850 ms", "12.3 s", "4 min 05 s", "2 h 07 min".
std::string format_duration(double seconds);

}  // namespace dynexec
