// Labelled texts from a user's file, for text classifiers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/text_classes.hpp"

namespace dynexec {

struct LabelledTextOptions {
  std::string file;  // plain or gzip
  // jsonl: one object a line (or one array of objects). tsv: columns parted by tabs, named in the first line. auto
  // decides by the content.
  std::string format = "auto";
  std::string text_field = "text", label_field = "label";  // jsonl: "a.b.0" goes deeper
};

const std::vector<std::string>& labelled_text_formats();

// In the file's order. A label is one of the class names, or a number from 0 to classes - 1. Error(data) with file and
// line for anything else, and for a file without texts.
std::vector<LabelledText> read_labelled_texts(const LabelledTextOptions& options, std::int64_t classes,
                                              const std::vector<std::string>& class_names);

// The same from a file's content; options.file names it in errors.
std::vector<LabelledText> parse_labelled_texts(std::string_view content, const LabelledTextOptions& options,
                                               std::int64_t classes, const std::vector<std::string>& class_names);

// Texts [first, first + samples) as a task's samples, in groups by label; `source` begins their ids. Error(data) when
// there are not that many.
std::vector<Sample> text_samples(const std::vector<LabelledText>& texts, std::int64_t first, std::int64_t samples,
                                 const std::vector<std::string>& class_names, const std::string& source = "text");

}  // namespace dynexec
