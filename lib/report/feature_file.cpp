#include "report/feature_file.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kKeyColumns = 2;  // path and sample

std::vector<std::string> header_of(std::size_t width) {
  std::vector<std::string> columns{"path", "sample"};
  for (std::size_t i = 0; i < width; ++i) columns.push_back(fmt::format("feature_{}", i));
  return columns;
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
  if (csv.header.size() <= kKeyColumns || csv.header != header_of(csv.header.size() - kKeyColumns))
    throw Error(ErrorKind::data, "the columns are not path, sample, feature_0 and so on", name + ":1",
                "remove the file and measure again");
  for (const CsvRecord& record : csv.records) {
    const std::string where = fmt::format("{}:{}", name, record.line);
    std::vector<float> values;
    for (std::size_t c = kKeyColumns; c < record.fields.size(); ++c)
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

// The shortest digits that read back to the same float.
std::string FeatureFile::line_of(const SampleRow& row) {
  if (width_ == 0) width_ = row.features.size();
  if (row.features.size() != width_)
    throw Error(ErrorKind::internal, fmt::format("a task gave {} features, then {}", width_, row.features.size()), "",
                "");
  std::string line = csv_record({row.path, std::to_string(row.sample)});
  char buffer[32];
  for (const float value : row.features) {
    line += ',';
    line.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  }
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
    write_file_atomically(path_, csv_record(header_of(width_)) + '\n' + lines);
  }
}

void FeatureFile::append(std::span<const SampleRow> rows) {
  for (const SampleRow& row : rows) {
    if (row.features.empty()) continue;
    const std::string line = line_of(row);
    if (!file_) file_.emplace(path_);
    if (file_->size() == 0) file_->append(csv_record(header_of(width_)));
    file_->append(line);
  }
}

void FeatureFile::sync() {
  if (file_) file_->sync();
}

}  // namespace dynexec
