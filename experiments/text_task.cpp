#include "experiments/text_task.hpp"

#include <algorithm>

#include "base/resource_path.hpp"
#include "base/sha256.hpp"
#include "data/reasoning_task.hpp"
#include "data/text_prompts.hpp"
#include "experiments/splits.hpp"

namespace dynexec {
namespace {

ReasoningOptions read_reasoning(const Node& task) {
  ReasoningOptions options;
  options.split = parse_split(task.get_choice("split", "test", {"train", "calibration", "test"}));
  options.families = task.get_strings("families", options.families);
  options.difficulties.clear();
  for (const std::int64_t difficulty : task.get_ints("difficulties", {1, 2, 3, 4, 5, 6}))
    options.difficulties.push_back(static_cast<int>(difficulty));
  options.samples = task.get_int("samples", 48, 1, 1'000'000);
  options.seed = static_cast<std::uint64_t>(task.get_int("seed", 1, 0, 1LL << 53));
  return options;
}

PromptOptions read_prompt_options(const Node& task) {
  PromptOptions options;
  options.file = task.get_string("file");
  options.format = task.get_choice("format", options.format, prompt_formats());
  options.prompt_field = task.get_string("prompt_field", options.prompt_field);
  options.reference_field = task.get_string("reference_field", options.reference_field);
  options.group_field = task.get_string("group_field", options.group_field);
  options.id_field = task.get_string("id_field", options.id_field);
  options.prompt_template = task.get_string("prompt_template", options.prompt_template);
  options.opening_words = task.get_int("opening_words", options.opening_words, 1, 10000);
  options.max_characters = task.get_int("max_characters", options.max_characters, 0, 1 << 30);
  options.shuffle = task.get_bool("shuffle", options.shuffle);
  options.first = task.get_int("first", 0, 0, 1 << 30);
  options.samples = task.get_int("samples", 0, 0, 1 << 30);
  return options;
}

TextTasks read_reasoning_tasks(const Node& task, std::int64_t calibration_samples) {
  ReasoningOptions options = read_reasoning(task);
  TextTasks tasks;
  tasks.test = std::make_shared<ReasoningTask>(options);
  options.split = options.split == Split::calibration ? Split::train : Split::calibration;
  options.samples = calibration_samples;
  tasks.calibration = std::make_shared<ReasoningTask>(options);
  return tasks;
}

}  // namespace

TextTasks read_prompt_tasks(const Node& task, std::int64_t calibration_samples) {
  PromptOptions options = read_prompt_options(task);
  const std::int64_t wanted = options.samples;
  options.samples = 0;
  const auto available = static_cast<std::int64_t>(TextPromptTask(options).size());
  // Prompts for calibration are set aside first, so that a file's every prompt is in one of the two parts at most.
  const std::int64_t calibration = std::min(calibration_samples, std::max<std::int64_t>(1, available / 4));
  const std::int64_t test = std::min(wanted > 0 ? wanted : available, available - calibration);
  if (test < 1)
    task.fail("the file has too few prompts: " + std::to_string(available),
              "two are needed at least, one to measure and one to calibrate with");
  TextTasks tasks;
  options.samples = test;
  tasks.test = std::make_shared<TextPromptTask>(options);
  options.first += test;
  options.samples = calibration;
  tasks.calibration = std::make_shared<TextPromptTask>(options);
  const std::string path = resolve_path(options.file).string();
  tasks.provenance.push_back({.role = "task data", .path = options.file, .sha256 = sha256_file(path), .parameters = 0});
  return tasks;
}

TextTasks read_text_tasks(const Node& root, std::int64_t calibration_samples) {
  const Node task = root.at("task");
  TextTasks tasks = task.get_choice("kind", "reasoning", {"reasoning", "prompts"}) == "reasoning"
                        ? read_reasoning_tasks(task, calibration_samples)
                        : read_prompt_tasks(task, calibration_samples);
  const Splits splits = read_splits(root, tasks.test, tasks.calibration);
  tasks.test = splits.measured;
  tasks.calibration = splits.calibration;
  return tasks;
}

}  // namespace dynexec
