// features.csv: the feature vectors of a run's rows, a line each: path, sample, then one column a feature.
//
// reference_features.csv: the same of the task's reference set (Task::reference_features), sample and features.
//
// Only rows of the first repetition have features (SampleRow::features). In samples.csv they would make every line too
// long for tools that show tables.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.hpp"
#include "measure/rows.hpp"
#include "report/csv.hpp"

namespace dynexec {

// Gives rows the features that `text` has of them; lines of other rows are passed over. A text without a complete
// header has none. Throws Error(data) at name:line for damaged lines and for a row that comes twice.
void attach_features(std::string_view text, const std::string& name, TornEnd torn_end, std::vector<SampleRow>& rows);

// Vectors of `width` features, one after the other. Throws Error(io).
void write_reference_features(const std::string& path, std::span<const float> values, std::size_t width);
// What that wrote, checked to have rows as wide as `width`. Throws Error(data) at name:line.
std::vector<float> read_reference_features(std::string_view text, const std::string& name, std::size_t width);

// The file while a run is measured. It exists once a row with features was written.
class FeatureFile {
 public:
  explicit FeatureFile(std::string path) : path_(std::move(path)) {}

  // The file's lines become those of `rows`; without features there is no file.
  void replace(std::span<const SampleRow> rows);
  // A line for each row that has features. Throws Error(internal) for another number of features than before.
  void append(std::span<const SampleRow> rows);
  void sync();
  void close() { file_.reset(); }
  std::size_t width() const { return width_; }  // 0: no row had features

 private:
  std::string line_of(const SampleRow& row);

  std::string path_;
  std::size_t width_ = 0;  // 0: no row has been seen
  std::optional<AppendFile> file_;
};

}  // namespace dynexec
