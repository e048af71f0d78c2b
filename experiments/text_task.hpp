// The `task:` section of a config for language models: which prompts, and the calibration prompts that go with them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/node.hpp"
#include "measure/contract.hpp"

namespace dynexec {

struct TextTasks {
  std::shared_ptr<const Task> test, calibration;  // disjoint; see read_splits
  std::vector<Provenance> provenance;             // data files
};

// task.kind reasoning: problems of task.split, and calibration problems of the calibration split. task.kind prompts:
// the prompts of a file (data/text_prompts.hpp); those behind the measured ones serve for calibration.
TextTasks read_text_tasks(const Node& root, std::int64_t calibration_samples);

// Of `task`, whose kind is prompts.
TextTasks read_prompt_tasks(const Node& task, std::int64_t calibration_samples);

}  // namespace dynexec
