#include "data/text_prompts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/resource_path.hpp"
#include "data/answer.hpp"
#include "data/json_records.hpp"
#include "data/question_sets.hpp"
#include "data/text_file.hpp"

namespace dynexec {
namespace {

constexpr std::string_view kSlot = "{prompt}";
constexpr std::string_view kStoryEnd = "<|endoftext|>";

struct Source {
  const PromptOptions& options;
  std::string name, text;
};

std::string fill(const std::string& pattern, const std::string& prompt) {
  std::string filled = pattern;
  filled.replace(pattern.find(kSlot), kSlot.size(), prompt);
  return filled;
}

std::string_view first_words(std::string_view text, std::int64_t count) {
  std::size_t at = 0;
  for (std::int64_t word = 0; word < count; ++word) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n", at);
    if (begin == std::string_view::npos) return text.substr(0, at);
    at = std::min(text.find_first_of(" \t\r\n", begin), text.size());
  }
  return text.substr(0, at);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::vector<PromptRecord> read_lines(const Source& source) {
  std::vector<PromptRecord> records;
  for (const std::string_view line : split_text_lines(source.text)) {
    if (!trimmed(line).empty()) records.push_back({"", "", std::string(line), ""});
  }
  return records;
}

std::vector<PromptRecord> read_stories(const Source& source) {
  std::vector<std::string> stories;
  if (trimmed(source.text).starts_with('[')) {
    for (const auto& record : parse_json_records(source.text, source.name)) {
      if (!record.value.is_string()) {
        throw Error(ErrorKind::data, "the story is not a string", record.place, "give a JSON array of strings");
      }
      stories.push_back(record.value.get<std::string>());
    }
  } else {
    for (std::string_view rest = source.text; !rest.empty();) {
      const std::size_t end = rest.find(kStoryEnd);
      stories.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + kStoryEnd.size());
    }
  }
  std::vector<PromptRecord> records;
  for (const std::string& story : stories) {
    const auto opening = first_words(trimmed(story), source.options.opening_words);
    if (!opening.empty()) records.push_back({"", "", std::string(opening), ""});
  }
  return records;
}

std::vector<PromptRecord> read_questions(const Source& source) {
  std::vector<PromptRecord> records;
  for (const auto& record : parse_json_records(source.text, source.name)) {
    const auto question = read_question(record.value);
    if (!question) {
      throw Error(ErrorKind::data, "the record is of no question set that is known", record.place,
                  "use format: jsonl and name prompt_field and reference_field");
    }
    records.push_back({question->id, question->group,
                       question->verbatim || !source.options.prompt_template.empty()
                           ? question->text
                           : "Question: " + std::string(trimmed(question->text)) + "\nAnswer:",
                       question->reference});
  }
  return records;
}

std::vector<PromptRecord> read_fields(const Source& source) {
  const PromptOptions& options = source.options;
  std::vector<PromptRecord> records;
  for (const auto& record : parse_json_records(source.text, source.name)) {
    const auto value = [&](const std::string& path) {
      return path.empty() ? std::string() : scalar_text(record, path);
    };
    records.push_back({value(options.id_field), value(options.group_field), value(options.prompt_field),
                       value(options.reference_field)});
  }
  return records;
}

std::vector<std::string_view> split_tabs(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find('\t', begin);
    cells.push_back(trimmed(line.substr(begin, end == std::string_view::npos ? end : end - begin)));
    if (end == std::string_view::npos) return cells;
    begin = end + 1;
  }
}

std::vector<PromptRecord> read_columns(const Source& source) {
  const PromptOptions& options = source.options;
  const auto lines = split_text_lines(source.text);
  const std::vector<std::string_view> names =
      lines.empty() ? std::vector<std::string_view>() : split_tabs(lines.front());
  // Column of a field; none for a field that is not wanted.
  const auto column_of = [&](const std::string& field) {
    const auto found = std::find(names.begin(), names.end(), field);
    if (!field.empty() && found == names.end())
      throw Error(ErrorKind::data, "the file has no column '" + field + "'", source.name + ":1",
                  fmt::format("its columns are {}", fmt::join(names, ", ")));
    return static_cast<std::size_t>(found - names.begin());
  };
  const std::size_t id = column_of(options.id_field), group = column_of(options.group_field),
                    prompt = column_of(options.prompt_field), reference = column_of(options.reference_field);
  std::vector<PromptRecord> records;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (trimmed(lines[i]).empty()) continue;
    const std::vector<std::string_view> cells = split_tabs(lines[i]);
    if (cells.size() > names.size())
      throw Error(ErrorKind::data, fmt::format("{} columns, but the first line names {}", cells.size(), names.size()),
                  fmt::format("{}:{}", source.name, i + 1), "take the surplus tabs out of the line");
    const auto cell = [&](std::size_t column) { return std::string(column < cells.size() ? cells[column] : ""); };
    records.push_back({cell(id), cell(group), cell(prompt), cell(reference)});
  }
  return records;
}

// Decides by the content: JSON strings are stories, known records questions, other objects fields, the rest lines.
std::string guess_format(const Source& source) {
  const std::string_view text = trimmed(source.text);
  if (source.text.find(kStoryEnd) != std::string::npos) return "stories";
  if (!text.starts_with('{') && !text.starts_with('[')) return "lines";
  const auto records = parse_json_records(source.text, source.name);
  if (records.empty()) return "jsonl";
  if (records.front().value.is_string()) return "stories";
  return read_question(records.front().value) ? "questions" : "jsonl";
}

void check(const PromptOptions& options) {
  const auto fail = [](const std::string& what, const std::string& where, const std::string& hint) {
    throw Error(ErrorKind::config, what, where, hint);
  };
  const auto& formats = prompt_formats();
  if (std::find(formats.begin(), formats.end(), options.format) == formats.end()) {
    const std::string near = nearest_name(options.format, formats);
    fail("unknown prompt format '" + options.format + "'", "format",
         near.empty() ? "choose among auto, lines, jsonl, tsv, questions, stories" : "did you mean '" + near + "'?");
  }
  if (!options.prompt_template.empty() && options.prompt_template.find(kSlot) == std::string::npos) {
    fail("the prompt template has no {prompt}", "template", "write {prompt} where the question goes");
  }
  if (options.opening_words < 1) fail("opening_words must be at least 1", "opening_words", "use 12, for example");
  if (options.first < 0 || options.samples < 0 || options.max_characters < 0) {
    fail("first, samples and max_characters must not be negative", options.file, "use 0 for no bound");
  }
}

}  // namespace

const std::vector<std::string>& prompt_formats() {
  static const std::vector<std::string> formats{"auto", "lines", "jsonl", "tsv", "questions", "stories"};
  return formats;
}

std::vector<PromptRecord> read_prompts(const PromptOptions& options) {
  check(options);
  const std::filesystem::path path = resolve_path(options.file);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    throw Error(ErrorKind::data, "there is no such prompt file", path.string(),
                "check the name; DYNEXEC_DATA names the folder of the data that scripts/fetch_data.sh fetches");
  }
  const Source source{options, path.string(), read_text_file(path)};
  const std::string format = options.format == "auto" ? guess_format(source) : options.format;
  std::vector<PromptRecord> records = format == "lines"       ? read_lines(source)
                                      : format == "stories"   ? read_stories(source)
                                      : format == "questions" ? read_questions(source)
                                      : format == "tsv"       ? read_columns(source)
                                                              : read_fields(source);
  const std::string stem = path.stem().string();
  std::size_t number = 0;
  std::set<std::string> ids;
  for (PromptRecord& record : records) {
    record.id = stem + "/" + (record.id.empty() ? std::to_string(number) : record.id);
    ++number;
    if (!options.prompt_template.empty()) record.prompt = fill(options.prompt_template, record.prompt);
    if (!ids.insert(record.id).second)
      throw Error(ErrorKind::data, "two prompts have the id '" + record.id + "'", source.name,
                  "name an id_field whose values differ, or none");
    if (record.reference.find("####") != std::string::npos) record.reference = final_answer(record.reference);
  }
  std::erase_if(records, [&](const PromptRecord& record) {
    return record.prompt.empty() ||
           (options.max_characters > 0 && static_cast<std::int64_t>(record.prompt.size()) > options.max_characters);
  });
  if (options.shuffle) RandomStream(0, records.size(), 0, static_cast<std::uint32_t>(Purpose::task)).shuffle(records);
  return records;
}

TextPromptTask::TextPromptTask(const PromptOptions& options) {
  const auto records = read_prompts(options);
  const auto total = static_cast<std::int64_t>(records.size());
  if (options.first + std::max<std::int64_t>(options.samples, 1) > total) {
    throw Error(ErrorKind::config,
                fmt::format("{} prompts from number {} on were asked for, but only {} are usable", options.samples,
                            options.first, total),
                options.file, "ask for fewer samples, or raise max_characters");
  }
  const std::int64_t count = options.samples > 0 ? options.samples : total - options.first;
  for (std::int64_t i = 0; i < count; ++i) {
    const PromptRecord& record = records[static_cast<std::size_t>(options.first + i)];
    scored_ = scored_ || !record.reference.empty();
    samples_.push_back(
        {static_cast<std::size_t>(i), record.id, record.group, TextInput{record.prompt, record.reference}});
  }
}

std::vector<Score> TextPromptTask::score(const Sample& sample, const Outcome& outcome) const {
  if (!scored_) return {};
  const auto& input = std::any_cast<const TextInput&>(sample.input);
  const auto& output = std::any_cast<const TextOutput&>(outcome.output);
  if (input.reference.empty()) return {{"exact_match", std::numeric_limits<double>::quiet_NaN()}};
  return {{"exact_match", answers_match(output.text, input.reference) ? 1.0 : 0.0}};
}

}  // namespace dynexec
