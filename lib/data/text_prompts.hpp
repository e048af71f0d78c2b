// Prompts from files: question sets, code problems, story openings, plain lines and JSON lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measure/contract.hpp"

namespace dynexec {

struct PromptOptions {
  std::string file;  // plain or gzip; "${DYNEXEC_DATA}/text/gsm8k_test.jsonl"
  // "auto" decides by the content. lines: one prompt a line. jsonl: one object a line (or one array of objects), with
  // the fields below. tsv: tab-separated without quotes, the first line names the columns, of which the fields below
  // are some. questions: a known question set (see prompt_formats). stories: a JSON array of texts, or texts between
  // "<|endoftext|>" lines, of which the opening words are the prompt.
  std::string format = "auto";
  std::string prompt_field = "prompt", reference_field, group_field,
              id_field;             // jsonl, where "a.b.0" goes deeper, and tsv
  std::string prompt_template;      // "{prompt}" stands for the question; "": the format's own
  std::int64_t opening_words = 12;  // stories
  std::int64_t max_characters = 0;  // longer prompts are left out; 0: none is
  bool shuffle = false;      // for files in an order of their own, by category for example: the same order always
  std::int64_t first = 0;    // prompts to skip
  std::int64_t samples = 0;  // 0: all that are left
};

struct PromptRecord {
  std::string id, group, prompt, reference;  // reference "": none
};

// auto and the others, as above
const std::vector<std::string>& prompt_formats();

// In the file's order or shuffled, before first and samples are applied. Error(data) with file and line or position for
// anything that is not as the format says; Error(config) for options that do not fit together.
std::vector<PromptRecord> read_prompts(const PromptOptions& options);

// Prompts of a file as a task. With references its metric is exact_match of the final answer (see data/answer.hpp),
// NaN for the samples without one; without any reference it has no metric.
class TextPromptTask : public Task {
 public:
  explicit TextPromptTask(const PromptOptions& options);
  std::size_t size() const override { return samples_.size(); }
  Sample sample(std::size_t index) const override { return samples_.at(index); }
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override;
  std::string quality_metric() const override { return scored_ ? "exact_match" : ""; }

 private:
  std::vector<Sample> samples_;
  bool scored_ = false;
};

}  // namespace dynexec
