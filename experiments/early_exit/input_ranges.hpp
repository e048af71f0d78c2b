// What the ranges of a vision network in int8 are learnt from: the first calibration images of a config.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "config/node.hpp"
#include "experiments/image_task.hpp"
#include "models/cnn.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::early_exit {

using RangeProgress = std::function<void(std::size_t done, std::size_t of)>;

// The config's images. Error(config) where they have another size than the network takes.
ImageTasks read_images_of(const Node& root, const CnnConfig& config);

// Reads `quantisation`. fp32: the network in fp32. `progress` may be empty.
CnnRanges learn_ranges(const Node& root, const std::shared_ptr<const Cnn>& fp32, const Task& calibration,
                       const RangeProgress& progress);

// What an early_exit config learns for the network in the folder, whatever network it names. Reads `task`,
// `calibration` and `quantisation`.
CnnRanges learn_ranges(const Node& root, const ModelFolder& folder, const RangeProgress& progress);

}  // namespace dynexec::early_exit
