#include "data/json_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "data/text_file.hpp"

namespace dynexec {
namespace {

using nlohmann::json;
constexpr int kMaxDepth = 64;

// Refuses text that would recurse too deeply; the depth is counted outside strings.
void check_depth(std::string_view text, const std::string& place) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) {
        throw Error(ErrorKind::data, fmt::format("the JSON is nested deeper than {} levels", kMaxDepth), place,
                    "flatten the file");
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

json parse(std::string_view text, const std::string& place) {
  check_depth(text, place);
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::parse_error& error) {
    throw Error(ErrorKind::data, fmt::format("this is not JSON (byte {})", error.byte), place,
                "give JSON lines, or one array of records");
  } catch (const json::out_of_range&) {
    throw Error(ErrorKind::data, "a number is too large for double precision", place, "write a smaller number");
  }
}

}  // namespace

std::vector<JsonRecord> parse_json_records(std::string_view text, const std::string& name) {
  std::vector<JsonRecord> records;
  const auto add_array = [&](json& array) {
    for (json& item : array) {
      std::string place = fmt::format("{}: record {}", name, records.size());
      records.push_back({std::move(item), std::move(place)});
    }
  };
  const auto lines = split_text_lines(text);
  const auto first = std::find_if(lines.begin(), lines.end(), [](std::string_view line) {
    return line.find_first_not_of(" \t") != std::string_view::npos;
  });
  if (first == lines.end()) return records;
  // JSON lines when the first line is a whole value, one document otherwise.
  const bool array = first->find_first_not_of(" \t") == first->find('[');
  if (!array && json::accept(first->begin(), first->end())) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find_first_not_of(" \t") == std::string_view::npos) continue;
      const std::string place = fmt::format("{}:{}", name, i + 1);
      records.push_back({parse(lines[i], place), place});
    }
    if (records.size() > 1 || !records[0].value.is_object() || !records[0].value.contains("examples")) return records;
    json only = std::move(records[0].value["examples"]);
    records.clear();
    add_array(only);
    return records;
  }
  json document = parse(text, name);
  if (document.is_object() && document.contains("examples")) document = json(std::move(document["examples"]));
  if (document.is_array()) {
    add_array(document);
  } else {
    records.push_back({std::move(document), name + ": record 0"});
  }
  return records;
}

std::string scalar_text(const JsonRecord& record, const std::string& path) {
  const json* value = &record.value;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    std::size_t index = 0;
    const auto number = std::from_chars(part.data(), part.data() + part.size(), index);
    if (value->is_array() && number.ec == std::errc() && number.ptr == part.data() + part.size() &&
        index < value->size()) {
      value = &(*value)[index];
    } else if (value->is_object() && value->contains(part)) {
      value = &(*value)[part];
    } else {
      std::vector<std::string> names;
      if (value->is_object()) {
        for (const auto& item : value->items()) names.push_back(item.key());
      }
      const std::string near = nearest_name(part, names);
      throw Error(ErrorKind::data, fmt::format("the record has no field '{}'", path), record.place,
                  near.empty() ? "name a field of the records" : "did you mean '" + near + "'?");
    }
  }
  if (value->is_string()) return value->get<std::string>();
  if (value->is_number() || value->is_boolean()) return value->dump();
  throw Error(ErrorKind::data, fmt::format("the field '{}' is not a text or number", path), record.place,
              "name a field that holds a text, for example with field.0 for the first of a list");
}

}  // namespace dynexec
