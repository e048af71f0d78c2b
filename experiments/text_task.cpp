#include "experiments/text_task.hpp"

#include "data/reasoning_task.hpp"

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

}  // namespace

TextTasks read_text_tasks(const Node& root, std::int64_t calibration_samples) {
  const Node task = root.at("task");
  task.get_choice("kind", "reasoning", {"reasoning"});
  ReasoningOptions options = read_reasoning(task);
  TextTasks tasks;
  tasks.test = std::make_shared<ReasoningTask>(options);
  options.split = options.split == Split::calibration ? Split::train : Split::calibration;
  options.samples = calibration_samples;
  tasks.calibration = std::make_shared<ReasoningTask>(options);
  return tasks;
}

}  // namespace dynexec
