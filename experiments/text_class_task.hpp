// The `task:` section of a config for text classifiers, and the calibration texts that go with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "data/text_classes.hpp"

namespace dynexec {

struct TextClassTasks {
  std::shared_ptr<const TextClassTask> test, calibration;  // disjoint
  std::vector<Provenance> provenance;                      // data files
};

// task: {kind: sentences, split, difficulties, samples, seed} with calibration: {samples} from the calibration split;
// or task: {kind: text_classification, file, format, text_field, label_field, first, samples} with calibration: {file,
// first, samples}, without a file the texts behind the measured ones. `classes` and their names are the network's.
TextClassTasks read_text_class_tasks(const Node& root, std::int64_t classes, const std::vector<std::string>& names);

}  // namespace dynexec
