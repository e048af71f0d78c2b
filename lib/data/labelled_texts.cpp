#include "data/labelled_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "base/text.hpp"
#include "data/json_records.hpp"
#include "data/text_file.hpp"

namespace dynexec {
namespace {

std::vector<std::string_view> split_tabs(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t begin = 0;;) {
    const std::size_t tab = line.find('\t', begin);
    cells.push_back(line.substr(begin, tab - begin));
    if (tab == std::string_view::npos) return cells;
    begin = tab + 1;
  }
}

class Labels {
 public:
  Labels(std::int64_t classes, const std::vector<std::string>& names) : classes_(classes), names_(names) {}

  int index_of(const std::string& label, const std::string& place) const {
    const auto named = std::find(names_.begin(), names_.end(), label);
    if (named != names_.end()) return static_cast<int>(named - names_.begin());
    std::int64_t number = -1;
    const auto [end, failed] = std::from_chars(label.data(), label.data() + label.size(), number);
    if (failed == std::errc() && end == label.data() + label.size() && number >= 0 && number < classes_)
      return static_cast<int>(number);
    const std::string near = nearest_name(label, names_);
    throw Error(ErrorKind::data, fmt::format("'{}' is no class of the network", label.substr(0, 60)), place,
                near.empty() ? fmt::format("labels are 0 to {}, or the names in its config.json", classes_ - 1)
                             : "did you mean '" + near + "'?");
  }

 private:
  std::int64_t classes_;
  const std::vector<std::string>& names_;
};

std::size_t column_of(const std::vector<std::string_view>& header, const std::string& name, const std::string& file) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  throw Error(ErrorKind::data, "the first line names no column '" + name + "'", file + ":1",
              "set text_field and label_field to two of its columns");
}

std::vector<LabelledText> read_tsv(std::string_view content, const LabelledTextOptions& options, const Labels& labels) {
  const std::vector<std::string_view> lines = split_text_lines(content);
  std::vector<LabelledText> texts;
  if (lines.empty()) return texts;
  const std::vector<std::string_view> header = split_tabs(lines.front());
  const std::size_t text = column_of(header, options.text_field, options.file);
  const std::size_t label = column_of(header, options.label_field, options.file);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::vector<std::string_view> cells = split_tabs(lines[i]);
    const std::string place = fmt::format("{}:{}", options.file, i + 1);
    if (cells.size() <= std::max(text, label))
      throw Error(ErrorKind::data, fmt::format("{} columns instead of {}", cells.size(), header.size()), place,
                  "part the columns by tabs");
    texts.push_back({std::string(cells[text]), labels.index_of(std::string(cells[label]), place)});
  }
  return texts;
}

}  // namespace

const std::vector<std::string>& labelled_text_formats() {
  static const std::vector<std::string> formats{"auto", "jsonl", "tsv"};
  return formats;
}

std::vector<LabelledText> read_labelled_texts(const LabelledTextOptions& options, std::int64_t classes,
                                              const std::vector<std::string>& class_names) {
  return parse_labelled_texts(read_text_file(resolve_path(options.file)), options, classes, class_names);
}

std::vector<LabelledText> parse_labelled_texts(std::string_view content, const LabelledTextOptions& options,
                                               std::int64_t classes, const std::vector<std::string>& class_names) {
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  const bool json = options.format == "jsonl" || (options.format == "auto" && first != std::string_view::npos &&
                                                  (content[first] == '{' || content[first] == '['));
  const Labels labels(classes, class_names);
  std::vector<LabelledText> texts;
  if (json) {
    for (const JsonRecord& record : parse_json_records(content, options.file))
      texts.push_back({scalar_text(record, options.text_field),
                       labels.index_of(scalar_text(record, options.label_field), record.place)});
  } else {
    texts = read_tsv(content, options, labels);
  }
  if (texts.empty()) throw Error(ErrorKind::data, "the file holds no texts", options.file, "name another file");
  return texts;
}

std::vector<Sample> text_samples(const std::vector<LabelledText>& texts, std::int64_t first, std::int64_t samples,
                                 const std::vector<std::string>& class_names, const std::string& source) {
  const auto available = static_cast<std::int64_t>(texts.size());
  if (first < 0 || samples < 1 || first > available || samples > available - first)
    throw Error(ErrorKind::data,
                fmt::format("texts {} to {} were asked for, there are {}", first, first + samples - 1, available),
                "task", "lower first or samples, or name a larger file");
  std::vector<Sample> result;
  for (std::int64_t i = 0; i < samples; ++i) {
    const LabelledText& text = texts[static_cast<std::size_t>(first + i)];
    const auto label = static_cast<std::size_t>(text.label);
    result.push_back({.index = static_cast<std::size_t>(i),
                      .id = fmt::format("{}-{}", source, first + i),
                      .group = label < class_names.size() ? class_names[label] : std::to_string(label),
                      .input = text});
  }
  return result;
}

}  // namespace dynexec
