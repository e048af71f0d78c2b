// The `task:` section of a config for image classifiers, and the calibration images that go with it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/node.hpp"
#include "data/image_task.hpp"

namespace dynexec {

struct ImageTasks {
  std::shared_ptr<const Task> test, calibration;  // disjoint; see read_splits
  std::vector<Provenance> provenance;
  std::int64_t channels = 0, size = 0;
};

// task: {kind: images, format, files, first, samples, classes}. calibration: {files, first, samples} in the same
// format; without files, the images behind the measured ones. Or task: {kind: shapes, split, samples, mix, seed, size},
// calibration: {samples}: procedural images.
ImageTasks read_image_tasks(const Node& root);

}  // namespace dynexec
