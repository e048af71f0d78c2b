#include "report/csv.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace dynexec {
namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

std::string csv_field(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      clean += ' ';
    } else if (!is_control(c) || c == '\t') {
      clean += c;
    }
  }
  const bool padded = !clean.empty() && (clean.front() == ' ' || clean.back() == ' ');
  // A byte order mark at the start of a file would be taken for the file's own.
  const bool mark = clean.starts_with("\xef\xbb\xbf");
  if (!padded && !mark && clean.find_first_of(",\"\t") == std::string::npos) return clean;
  std::string quoted = "\"";
  for (const char c : clean) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string csv_record(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i) line += ',';
    line += csv_field(fields[i]);
  }
  // A record of one empty field would be an empty line, which readers skip.
  if (line.empty()) line = "\"\"";
  return line;
}

CsvReader::CsvReader(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {
  if (text_.starts_with("\xef\xbb\xbf")) at_ = line_start_ = 3;
}

void CsvReader::fail(const std::string& what) const {
  throw Error(ErrorKind::data, what, fmt::format("{}:{}:{}", name_, line_, at_ - line_start_ + 1),
              "remove or mend the damaged line; fields with quotes, commas or line ends must be quoted");
}

void CsvReader::check_character(char c) const {
  if (is_control(c) && c != '\t')
    fail(fmt::format("control character 0x{:02x} in a CSV field", static_cast<unsigned char>(c)));
}

// Consumes LF or CRLF. A CR at the very end of the text is the half of a line end that was cut off.
bool CsvReader::line_end(CsvRecord& record) {
  if (text_[at_] == '\r') {
    if (at_ + 1 == text_.size()) {
      record.complete = false;
      ++at_;
      return true;
    }
    if (text_[at_ + 1] != '\n') fail("carriage return without line feed");
    ++at_;
  } else if (text_[at_] != '\n') {
    return false;
  }
  ++at_;
  ++line_;
  line_start_ = at_;
  return true;
}

std::string CsvReader::plain_field() {
  const std::size_t from = at_;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == ',' || c == '\n' || c == '\r') break;
    if (c == '"') fail("quote inside an unquoted CSV field");
    check_character(c);
  }
  return std::string(text_.substr(from, at_ - from));
}

std::string CsvReader::quoted_field(CsvRecord& record) {
  std::string field;
  for (++at_; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += '"';
        ++at_;
        continue;
      }
      ++at_;
      if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r')
        fail("text after the closing quote of a CSV field");
      return field;
    }
    if (c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') continue;  // CRLF reads as LF
    if (c == '\n') {
      ++line_;
      line_start_ = at_ + 1;
    } else if (!(c == '\r' && at_ + 1 == text_.size())) {
      check_character(c);
    }
    field += c;
  }
  record.complete = false;
  return field;
}

bool CsvReader::next(CsvRecord& record) {
  if (at_ >= text_.size()) return false;
  record = CsvRecord{{}, line_, 0, true};
  while (true) {
    if (at_ < text_.size() && text_[at_] == '"') {
      record.fields.push_back(quoted_field(record));
    } else {
      record.fields.push_back(plain_field());
    }
    if (at_ >= text_.size()) {
      record.complete = false;
      break;
    }
    if (line_end(record)) break;
    ++at_;  // the comma
  }
  record.end_offset = at_;
  return true;
}

CsvTable parse_csv(std::string_view text, const std::string& name, TornEnd torn_end) {
  CsvReader reader(text, name);
  CsvTable table;
  CsvRecord record;
  const auto ends_in_quotes = [&] {
    // An odd number of quotes: the last quoted field was not closed.
    const auto from = text.substr(table.complete_bytes);
    return std::count(from.begin(), from.end(), '"') % 2 == 1;
  };
  while (reader.next(record)) {
    if (!record.complete) {
      if (torn_end == TornEnd::drop) break;
      if (ends_in_quotes())
        throw Error(ErrorKind::data, "the file ends inside a quoted CSV field", fmt::format("{}:{}", name, record.line),
                    "remove the last line, or resume the run");
    }
    if (table.header.empty()) {
      table.header = std::move(record.fields);
    } else if (record.fields.size() != table.header.size()) {
      throw Error(ErrorKind::data,
                  fmt::format("the record has {} fields, the header {}", record.fields.size(), table.header.size()),
                  fmt::format("{}:{}", name, record.line), "remove or mend the damaged line");
    } else {
      table.records.push_back(record);
    }
    table.complete_bytes = record.end_offset;
  }
  return table;
}

}  // namespace dynexec
