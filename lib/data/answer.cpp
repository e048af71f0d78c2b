#include "data/answer.hpp"

#include <cctype>

namespace dynexec {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// The last number with its sign, thousands separators and fraction; empty when there is none.
std::string_view last_number(std::string_view text) {
  std::size_t end = text.find_last_of("0123456789");
  if (end == std::string_view::npos) return {};
  std::size_t begin = end;
  const auto inside = [&](std::size_t at) {
    return digit(text[at]) || ((text[at] == ',' || text[at] == '.') && at > 0 && digit(text[at - 1]));
  };
  while (begin > 0 && inside(begin - 1)) --begin;
  if (begin > 0 && text[begin - 1] == '-' && (begin == 1 || !digit(text[begin - 2]))) --begin;
  return text.substr(begin, end - begin + 1);
}

bool numeric(std::string_view text) {
  bool any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (digit(text[i])) {
      any = true;
    } else if (!(text[i] == '.' || text[i] == ',' || (i == 0 && (text[i] == '-' || text[i] == '+')))) {
      return false;
    }
  }
  return any;
}

std::string_view last_line(std::string_view text) {
  const std::string_view body = trim(text);
  const std::size_t line = body.rfind('\n');
  return trim(line == std::string_view::npos ? body : body.substr(line + 1));
}

// The last run of letters and digits for which `wanted` holds.
template <class Predicate>
std::string_view last_word(std::string_view text, const Predicate& wanted) {
  const auto inside = [&](std::size_t at) { return std::isalnum(static_cast<unsigned char>(text[at])) != 0; };
  for (std::size_t end = text.size(); end > 0;) {
    if (!inside(end - 1)) {
      --end;
      continue;
    }
    std::size_t begin = end;
    while (begin > 0 && inside(begin - 1)) --begin;
    if (const auto word = text.substr(begin, end - begin); wanted(word)) return word;
    end = begin;
  }
  return {};
}

}  // namespace

std::string final_answer(std::string_view text) {
  const std::size_t mark = text.rfind("####");
  if (mark != std::string_view::npos) {
    std::string_view rest = text.substr(mark + 4);
    return std::string(trim(rest.substr(0, rest.find('\n'))));
  }
  if (const std::string_view number = last_number(text); !number.empty()) return std::string(number);
  return std::string(last_line(text));
}

std::string normalise_answer(std::string_view answer) {
  std::string text;
  for (const char c : trim(answer)) {
    if (c == '$') continue;
    if (std::isspace(static_cast<unsigned char>(c))) {
      if (!text.empty() && text.back() != ' ') text += ' ';
    } else {
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
  if (!numeric(text)) return text;
  std::string number;
  for (const char c : text) {
    if (c != ',' && c != '+') number += c;
  }
  if (number.find('.') != std::string::npos) {
    while (number.back() == '0') number.pop_back();
    if (number.back() == '.') number.pop_back();
  }
  return number;
}

bool answers_match(std::string_view output, std::string_view reference) {
  const std::string wanted = normalise_answer(reference);
  if (wanted.empty()) return false;
  const std::string_view marked = trim(reference);
  if (output.rfind("####") != std::string_view::npos || numeric(wanted)) {
    return normalise_answer(final_answer(output)) == wanted;
  }
  if (marked.size() == 1 && marked[0] >= 'A' && marked[0] <= 'F') {
    return last_word(output, [](std::string_view word) {
             return word.size() == 1 && word[0] >= 'A' && word[0] <= 'F';
           }) == marked;
  }
  if (wanted == "yes" || wanted == "no") {
    const auto is_verdict = [](std::string_view word) {
      const std::string lower = normalise_answer(word);
      return lower == "yes" || lower == "no";
    };
    return normalise_answer(last_word(output, is_verdict)) == wanted;
  }
  const std::string line = normalise_answer(last_line(output));
  if (!line.ends_with(wanted)) return false;
  return line.size() == wanted.size() ||
         !std::isalnum(static_cast<unsigned char>(line[line.size() - wanted.size() - 1]));
}

}  // namespace dynexec
