#include "base/error.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/text.hpp"

namespace dynexec {
namespace {

std::string one_line(const std::string& what, const std::string& where, const std::string& hint) {
  std::string line = where.empty() ? what : where + ": " + what;
  if (!hint.empty()) line += " (" + hint + ")";
  return line;
}

// People confuse `draft-length`, `Draft_Length` and `draft_length`: these differences cost nothing.
std::string normalised(const std::string& word) {
  std::string plain = word;
  for (char& c : plain) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return plain;
}

// Damerau-Levenshtein distance in its optimal-string-alignment form: insert, delete, replace, swap
// neighbours.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

}  // namespace

Error::Error(ErrorKind kind, std::string what, std::string where, std::string hint)
    : std::runtime_error(one_line(what, where, hint)),
      kind_(kind),
      message_(std::move(what)),
      where_(std::move(where)),
      hint_(std::move(hint)) {}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
    case ErrorKind::config:
      return 2;
    case ErrorKind::interrupted:
      return 130;
    case ErrorKind::data:
    case ErrorKind::model:
    case ErrorKind::io:
    case ErrorKind::internal:
      break;
  }
  return 1;
}

std::string format_error(const Error& error) {
  std::string text = "error: ";
  if (!error.where().empty()) text += escape_control(error.where()) + ": ";
  text += escape_control(error.message()) + "\n";
  if (!error.hint().empty()) text += "  hint: " + escape_control(error.hint()) + "\n";
  return text;
}

std::string nearest_name(const std::string& word, std::span<const std::string> candidates) {
  const std::string plain = normalised(word);
  std::string best;
  std::size_t best_distance = 0, best_raw = 0;
  for (const std::string& candidate : candidates) {
    const std::string other = normalised(candidate);
    const std::size_t longer = std::max(plain.size(), other.size());
    const std::size_t shorter = std::min(plain.size(), other.size());
    // One slip per three characters: beyond that a suggestion misleads more often than it helps.
    const std::size_t allowed = std::max<std::size_t>(1, longer / 3);
    if (shorter == 0 || longer - shorter > allowed) continue;
    const std::size_t distance = edit_distance(plain, other);
    if (distance > allowed || distance >= shorter) continue;
    const std::size_t raw = edit_distance(word, candidate);
    if (best.empty() || distance < best_distance || (distance == best_distance && raw < best_raw)) {
      best = candidate;
      best_distance = distance;
      best_raw = raw;
    }
  }
  return best;
}

}  // namespace dynexec
