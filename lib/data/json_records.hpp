// Files of JSON records: JSON lines, one array, or an object whose "examples" are the records.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

struct JsonRecord {
  nlohmann::json value;
  std::string place;  // "file:line" or "file: record 3"
};

// Blank lines are skipped. Error(data) with line (and byte) for what is not JSON, and for nesting deeper than 64.
std::vector<JsonRecord> parse_json_records(std::string_view text, const std::string& name);

// The string, number or boolean at a dotted path ("turns.0"), as text. Error(data) when there is none, with the
// nearest field name.
std::string scalar_text(const JsonRecord& record, const std::string& path);

}  // namespace dynexec
