#include "base/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "base/descriptor.hpp"
#include "base/text.hpp"

namespace dynexec {
namespace {

constexpr double bar_interval_s = 0.1, line_interval_s = 10.0;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// An environment variable that is set and not empty (the convention of NO_COLOR).
bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool can_redraw(int descriptor) {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return ::isatty(descriptor) == 1 && !dumb;
}

std::size_t terminal_columns(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

// The first `columns` characters; counts code points, as the labels here are no wide scripts.
std::string clip(const std::string& text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size() && seen < columns; ++seen) {
    at += std::max<std::size_t>(1, utf8_length(text, at));
  }
  return text.substr(0, at);
}

std::string format_rate(double rate) {
  if (rate >= 100.0) return fmt::format("{:.0f}", rate);
  return rate >= 10.0 ? fmt::format("{:.1f}", rate) : fmt::format("{:.2f}", rate);
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "?";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  if (seconds > 3.15e9) return "over 100 years";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  using Style = ProgressOptions::Style;
  options_.label = escape_control(options_.label);
  if (!options_.clock) options_.clock = steady_seconds;
  bar_ = options_.style == Style::bar || (options_.style == Style::detect && can_redraw(options_.descriptor));
  colour_ = bar_ && !is_set("NO_COLOR");
  start_ = options_.clock();
  last_draw_ = start_;
}

Progress::~Progress() {
  // A broken-off bar keeps its line; the error message that follows starts on the next.
  if (options_.enabled && bar_ && drawn_ && !finished_) write_all(options_.descriptor, "\n");
}

void Progress::advance(std::uint64_t units) {
  done_ += units;
  draw(false);
}

void Progress::skip(std::uint64_t units) {
  done_ += units;
  skipped_ += units;
}

void Progress::note(std::string text) {
  note_ = escape_control(text);
}

void Progress::finish() {
  if (finished_) return;
  draw(true);
  finished_ = true;
}

void Progress::draw(bool last) {
  if (!options_.enabled || finished_) return;
  const double now = options_.clock();
  const bool due = now - last_draw_ >= (bar_ ? bar_interval_s : line_interval_s);
  const bool first_bar = bar_ && !drawn_;
  if (!last && !due && !first_bar) return;
  last_draw_ = now;
  drawn_ = true;
  // Progress is a courtesy: a closed stderr must not end a run, so failures to write are not looked at.
  const std::string text =
      bar_ ? fmt::format("\r{}\033[K{}", bar_line(last), last ? "\n" : "") : plain_line(last) + "\n";
  write_all(options_.descriptor, text);
}

std::string Progress::numbers(bool last) const {
  const double elapsed = std::max(options_.clock() - start_, 1e-9);
  const double rate = static_cast<double>(done_ - skipped_) / elapsed;
  std::string text = options_.total != 0 ? fmt::format("{}/{}", done_, options_.total) : fmt::format("{}", done_);
  if (!options_.unit.empty()) text += fmt::format(" {}", options_.unit);
  if (rate > 0.0) text += fmt::format("  {}/s", format_rate(rate));
  if (last) {
    text += fmt::format("  in {}", format_duration(elapsed));
  } else if (rate > 0.0 && options_.total > done_) {
    text += fmt::format("  {} left", format_duration(static_cast<double>(options_.total - done_) / rate));
  }
  if (!note_.empty()) text += fmt::format("  {}", note_);
  return text;
}

std::string Progress::plain_line(bool last) const {
  std::string line = options_.label.empty() ? "" : options_.label + ": ";
  if (options_.total != 0) {
    const double share = static_cast<double>(done_) / static_cast<double>(options_.total);
    line += fmt::format("{:.0f}%  ", 100.0 * std::min(share, 1.0));
  }
  return line + numbers(last);
}

std::string Progress::bar_line(bool last) const {
  constexpr std::size_t width = 24;
  const std::size_t columns = terminal_columns(options_.descriptor) - 1;  // a full last column would wrap
  const std::string head = options_.label.empty() ? "" : options_.label + " ";
  const std::string tail = numbers(last);
  if (options_.total == 0 || columns < head.size() + width + tail.size() + 8) return clip(head + tail, columns);
  const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(options_.total));
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  std::string bar = std::string(full, '#') + std::string(width - full, '-');
  if (colour_) bar = fmt::format("\033[32m{}\033[2;39m{}\033[0m", bar.substr(0, full), bar.substr(full));
  return fmt::format("{}[{}] {:3.0f}% {}", head, bar, 100.0 * share, tail);
}

}  // namespace dynexec
