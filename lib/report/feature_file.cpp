#include "report/feature_file.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.hpp"

namespace dynexec {
namespace {

const std::vector<std::string> kKeys{"path", "sample"}, kReferenceKeys{"sample"};

std::vector<std::string> header_of(std::vector<std::string> keys, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) keys.push_back(fmt::format("feature_{}", i));
  return keys;
}

// The shortest digits that read back to the same float.
void append_values(std::string& line, std::span<const float> values) {
  char buffer[32];
  for (const float value : values) {
    line += ',';
    line.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  }
}

template <class T>
T parse_number(const std::string& text, const std::string& where) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end)
    throw Error(ErrorKind::data, fmt::format("\"{}\" is no number", text.substr(0, 40)), where,
                "remove the damaged line, or measure again");
  return value;
}

using Key = std::pair<std::string, std::int64_t>;

std::map<Key, std::vector<float>> read_features(std::string_view text, const std::string& name, TornEnd torn_end) {
  const CsvTable csv = parse_csv(text, name, torn_end);
  std::map<Key, std::vector<float>> features;
  if (csv.header.empty()) return features;
  if (csv.header.size() <= kKeys.size() || csv.header != header_of(kKeys, csv.header.size() - kKeys.size()))
    throw Error(ErrorKind::data, "the columns are not path, sample, feature_0 and so on", name + ":1",
                "remove the file and measure again");
  for (const CsvRecord& record : csv.records) {
    const std::string where = fmt::format("{}:{}", name, record.line);
    std::vector<float> values;
    for (std::size_t c = kKeys.size(); c < record.fields.size(); ++c)
      values.push_back(parse_number<float>(record.fields[c], where));
    const Key key{record.fields[0], parse_number<std::int64_t>(record.fields[1], where)};
    if (!features.emplace(key, std::move(values)).second)
      throw Error(ErrorKind::data, fmt::format("sample {} of {} comes a second time", key.second, key.first), where,
                  "remove the damaged line, or measure again");
  }
  return features;
}

}  // namespace

void attach_features(std::string_view text, const std::string& name, TornEnd torn_end, std::vector<SampleRow>& rows) {
  const std::map<Key, std::vector<float>> features = read_features(text, name, torn_end);
  for (SampleRow& row : rows) {
    if (row.repetition != 0 || !row.error.empty()) continue;
    if (const auto found = features.find({row.path, row.sample}); found != features.end()) row.features = found->second;
  }
}

void write_reference_features(const std::string& path, std::span<const float> values, std::size_t width) {
  std::string text = csv_record(header_of(kReferenceKeys, width)) + '\n';
  for (std::size_t first = 0; first < values.size(); first += width) {
    text += std::to_string(first / width);
    append_values(text, values.subspan(first, width));
    text += '\n';
  }
  write_file_atomically(path, text);
}

std::vector<float> read_reference_features(std::string_view text, const std::string& name, std::size_t width) {
  const CsvTable csv = parse_csv(text, name, TornEnd::refuse);
  if (csv.header != header_of(kReferenceKeys, width))
    throw Error(ErrorKind::data, fmt::format("the columns are not sample and {} features", width), name + ":1",
                "restore the file, or remove it to compare without");
  std::vector<float> values;
  for (const CsvRecord& record : csv.records)
    for (std::size_t c = kReferenceKeys.size(); c < record.fields.size(); ++c)
      values.push_back(parse_number<float>(record.fields[c], fmt::format("{}:{}", name, record.line)));
  return values;
}

std::string FeatureFile::line_of(const SampleRow& row) {
  if (width_ == 0) width_ = row.features.size();
  if (row.features.size() != width_)
    throw Error(ErrorKind::internal, fmt::format("a task gave {} features, then {}", width_, row.features.size()), "",
                "");
  std::string line = csv_record({row.path, std::to_string(row.sample)});
  append_values(line, row.features);
  return line;
}

void FeatureFile::replace(std::span<const SampleRow> rows) {
  file_.reset();
  width_ = 0;
  std::string lines;
  for (const SampleRow& row : rows)
    if (!row.features.empty()) lines += line_of(row) + '\n';
  if (lines.empty()) {
    std::filesystem::remove(path_);
  } else {
    write_file_atomically(path_, csv_record(header_of(kKeys, width_)) + '\n' + lines);
  }
}

void FeatureFile::append(std::span<const SampleRow> rows) {
  for (const SampleRow& row : rows) {
    if (row.features.empty()) continue;
    const std::string line = line_of(row);
    if (!file_) file_.emplace(path_);
    if (file_->size() == 0) file_->append(csv_record(header_of(kKeys, width_)));
    file_->append(line);
  }
}

void FeatureFile::sync() {
  if (file_) file_->sync();
}

}  // namespace dynexec
