#include <algorithm>

#include "base/text.hpp"
#include "report/table.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kGap = 2;

// Columns on the screen, one for each UTF-8 sequence.
std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

const char* tone_code(Cell::Tone tone) {
  switch (tone) {
    case Cell::Tone::good:
      return "\x1b[32m";
    case Cell::Tone::bad:
      return "\x1b[31m";
    case Cell::Tone::dim:
      return "\x1b[2m";
    case Cell::Tone::plain:
      break;
  }
  return "";
}

std::vector<std::size_t> column_widths(const TextTable& table) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t width = display_width(table.columns[c].title);
    for (const auto& row : table.rows) width = std::max(width, display_width(escape_control(row[c].text)));
    widths.push_back(width);
  }
  return widths;
}

// Columns of each stacked block; the first column opens every block.
std::vector<std::vector<std::size_t>> blocks(const std::vector<std::size_t>& widths, std::size_t limit) {
  std::vector<std::vector<std::size_t>> result{{0}};
  std::size_t used = widths[0];
  for (std::size_t c = 1; c < widths.size(); ++c) {
    if (limit && used + kGap + widths[c] > limit && result.back().size() > 1) {
      result.push_back({0});
      used = widths[0];
    }
    result.back().push_back(c);
    used += kGap + widths[c];
  }
  return result;
}

void put(std::string& line, const std::string& text, std::size_t width, bool left, const std::string& code) {
  const std::string padding(width - display_width(text), ' ');
  if (!line.empty()) line += std::string(kGap, ' ');
  if (!left) line += padding;
  line += code.empty() || text.empty() ? text : code + text + "\x1b[0m";
  if (left) line += padding;
}

void end_line(std::string& out, std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
  line.clear();
}

}  // namespace

std::string render_text_table(const TextTable& table, const TableStyle& style) {
  if (table.columns.empty()) return "";
  const auto widths = column_widths(table);
  const auto is_left = [&](std::size_t c) { return c == 0 || table.columns[c].left; };
  std::string out, line;
  for (const auto& block : blocks(widths, style.width)) {
    if (!out.empty()) out += '\n';
    for (const auto c : block) put(line, table.columns[c].title, widths[c], is_left(c), style.colour ? "\x1b[1m" : "");
    end_line(out, line);
    for (const auto& row : table.rows) {
      for (const auto c : block)
        put(line, escape_control(row[c].text), widths[c], is_left(c), style.colour ? tone_code(row[c].tone) : "");
      end_line(out, line);
    }
  }
  return out;
}

std::string render_markdown_table(const TextTable& table) {
  const auto cell = [](const std::string& text) {
    std::string safe;
    for (const char c : escape_control(text)) {
      if (c == '|') safe += '\\';
      safe += c;
    }
    return " " + safe + " |";
  };
  std::string out = "|", rule = "|";
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    out += cell(table.columns[c].title);
    rule += c == 0 || table.columns[c].left ? "---|" : "---:|";
  }
  out += '\n' + rule + '\n';
  for (const auto& row : table.rows) {
    out += '|';
    for (const auto& item : row) out += cell(item.text);
    out += '\n';
  }
  return out;
}

}  // namespace dynexec
