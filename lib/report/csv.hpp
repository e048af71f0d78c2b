// CSV after RFC 4180: a writer that can only produce readable files and a reader that accepts nothing else.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

// One field, quoted where it has to be. Always one line: line feeds become blanks; NUL and other control
// characters but tab are dropped.
std::string csv_field(std::string_view text);

// One record without its line end. Our files end lines in LF alone, which every reader takes and shell tools
// need.
std::string csv_record(const std::vector<std::string>& fields);

struct CsvRecord {
  std::vector<std::string> fields;
  std::size_t line = 1;        // where it starts, from 1
  std::size_t end_offset = 0;  // of the byte after its line end
  bool complete = true;        // false: the text ended before the record's line end
};

// Reads record by record. Lines may end in LF or CRLF; a leading byte order mark is skipped.
class CsvReader {
 public:
  // text must outlive the reader; name is the file's, for errors.
  CsvReader(std::string_view text, std::string name);

  // False at the end. Throws Error(data) at name:line:column for a quote inside an unquoted field, text after
  // a closing quote, a lone CR and control characters. A last record that is cut off is returned with
  // complete == false, also when it ends inside a quoted field.
  bool next(CsvRecord& record);

 private:
  std::string quoted_field(CsvRecord& record);
  std::string plain_field();
  bool line_end(CsvRecord& record);
  void check_character(char c) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::string_view text_;
  std::string name_;
  std::size_t at_ = 0, line_ = 1, line_start_ = 0;
};

struct CsvTable {
  std::vector<std::string> header;
  std::vector<CsvRecord> records;
  // Offset of the first byte of a last record that was cut off; text.size() when there is none.
  std::size_t complete_bytes = 0;
};

enum class TornEnd { refuse, drop };

// A whole table: every record must have as many fields as the header. A last record without line end is taken
// as it is with TornEnd::refuse (and refused inside a quoted field), left out with TornEnd::drop.
CsvTable parse_csv(std::string_view text, const std::string& name, TornEnd torn_end);

}  // namespace dynexec
